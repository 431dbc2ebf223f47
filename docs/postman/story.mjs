// The requests of the Postman collection, in the order in which a person tries them. Everything
// that is not here comes from openapi.yaml.

/** The variables of the collection, and their values before the first request. */
export const variables = {
  baseUrl: ['http://localhost:3000', 'The address of the server, with the path of PUBLIC_URL'],
  email: ['ada@example.org', 'The request that signs up sets a new address'],
  password: ['brass-lantern-under-the-stair', 'The password of the account'],
  newEmail: ['ada@example.com', 'The request that signs up sets a new address'],
  newPassword: ['copper-kettle-behind-the-curtain', 'The password of the account after the change'],
  accessToken: ['', 'Set by every request that returns tokens'],
  refreshToken: ['', 'Set by every request that returns tokens'],
  userId: ['019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e5f', 'The account that an admin manages'],
  invitedEmail: ['grace@example.org', 'The request that invites sets a new address'],
  clientId: ['', 'A machine client that an operator has created: docs/machine-clients.md'],
  clientSecret: ['', 'Its secret'],
  mailToken: ['from-the-mail', 'The text after #token= in the link of a mail'],
}

/** The variable that a member of a body has its value from. */
export const variableOf = {
  email: 'email',
  password: 'password',
  current_password: 'password',
  new_email: 'newEmail',
  new_password: 'newPassword',
  refresh_token: 'refreshToken',
  token: 'mailToken',
}

/** The variable that a parameter of a path has its value from. */
export const variableOfPath = { id: 'userId' }

/** `pm.test` with one statement. `reply` is the body. */
const check = (name, statement) => [
  `pm.test(${quote(name)}, () => {`,
  '  const reply = pm.response.json()',
  `  ${statement}`,
  '})',
]

const isText = (path) =>
  check(`the reply has ${path}`, `pm.expect(reply.${path}).to.be.a('string')`)

const hasCode = (code) =>
  check(`the code is ${code}`, `pm.expect(reply.code).to.eql(${quote(code)})`)

const swapPasswords = [
  "const before = pm.collectionVariables.get('password')",
  "pm.collectionVariables.set('password', pm.collectionVariables.get('newPassword'))",
  "pm.collectionVariables.set('newPassword', before)",
]

const quote = (text) => `'${text}'`

/**
 * Folders of requests. A request names its operation and the expected status. `before` and
 * `after` are lines of scripts. `after` runs only if the status is the expected one. `tokens`
 * keeps the tokens of the reply. `mailed` is the status with a token of a mail. `admin` is the
 * status for an admin, 403 for others. `form` has the members of a form; it needs a machine
 * client, 401 without.
 */
export const story = [
  {
    name: 'Sign up and log in',
    description:
      'Run these in order. The server needs its default settings: with `SIGNUP_MODE=verify_first` the link in a mail creates the account.',
    requests: [
      {
        operation: 'signup',
        before: [
          '// Each run signs up a new account.',
          'const now = Date.now()',
          "pm.collectionVariables.set('email', 'ada-' + now + '@example.org')",
          "pm.collectionVariables.set('newEmail', 'ada-' + now + '@example.com')",
        ],
        status: 201,
        tokens: true,
        checks: isText('access_token'),
      },
      { operation: 'login', status: 200, tokens: true, checks: isText('refresh_token') },
      {
        operation: 'login',
        name: 'Log in with a wrong password',
        description: 'The shape of every error. Programs read `code`.',
        body: { password: 'not-{{password}}' },
        status: 401,
        checks: hasCode('invalid_credentials'),
      },
      { operation: 'readMe', status: 200, checks: isText('email') },
      { operation: 'refresh', status: 200, tokens: true, checks: isText('access_token') },
      {
        operation: 'updateMe',
        status: 200,
        checks: check('the name is Ada', "pm.expect(reply.name).to.eql('Ada')"),
      },
    ],
  },
  {
    name: 'Verify tokens',
    description: 'What an access token says, and where other services find the public keys.',
    requests: [
      { operation: 'readClaims', status: 200, checks: isText('sub') },
      {
        operation: 'readJwks',
        status: 200,
        checks: check('there is a key', 'pm.expect(reply.keys.length).to.be.above(0)'),
      },
      { operation: 'readServerMetadata', status: 200, checks: isText('jwks_uri') },
      { operation: 'readOpenidConfiguration', status: 200, checks: isText('jwks_uri') },
      { operation: 'readRevocations', status: 200, checks: isText('as_of') },
    ],
  },
  {
    name: 'Password',
    description: 'A change, and a reset with a link in a mail.',
    requests: [
      {
        operation: 'changePassword',
        status: 200,
        tokens: true,
        checks: isText('access_token'),
        after: swapPasswords,
      },
      { operation: 'forgotPassword', status: 202 },
      { operation: 'resetPassword', status: 400, mailed: 204, afterMailed: swapPasswords },
    ],
  },
  {
    name: 'E-mail address',
    description:
      'Verification, and a change of the address. Three requests need the link of a mail.',
    requests: [
      { operation: 'resendVerification', status: 202 },
      { operation: 'verifyEmail', status: 400, mailed: 200 },
      { operation: 'changeEmail', status: 202 },
      {
        operation: 'confirmEmailChange',
        status: 400,
        mailed: 200,
        afterMailed: [
          "pm.collectionVariables.set('email', pm.collectionVariables.get('newEmail'))",
        ],
      },
      { operation: 'undoEmailChange', status: 400, mailed: 200 },
    ],
  },
  {
    name: 'Admin',
    description:
      'The admin API. Each request is 403 until `npm run users -- grant <email> admin` has given the account the role, and a new token has it.',
    requests: [
      {
        operation: 'createUser',
        before: [
          "pm.collectionVariables.set('invitedEmail', 'grace-' + Date.now() + '@example.org')",
        ],
        body: { email: '{{invitedEmail}}' },
        admin: 201,
        afterAdmin: ["pm.collectionVariables.set('userId', pm.response.json().id)"],
      },
      { operation: 'listUsers', admin: 200 },
      { operation: 'readUser', admin: 200 },
      { operation: 'updateUser', admin: 200 },
      { operation: 'logoutUser', admin: 204 },
      { operation: 'listAuditEvents', admin: 200 },
      { operation: 'deleteUser', admin: 204 },
    ],
  },
  {
    name: 'Machine clients',
    description:
      'Tokens for programs. Each request is 401 until the variables `clientId` and `clientSecret` have a client of `npm run clients -- create`.',
    requests: [
      {
        operation: 'issueToken',
        form: { grant_type: 'client_credentials' },
        status: 200,
      },
      {
        operation: 'introspectToken',
        form: { token: '{{accessToken}}' },
        status: 200,
      },
    ],
  },
  {
    name: 'Operation',
    description: 'For probes and people. These need no token.',
    requests: [
      { operation: 'readIndex', status: 200, checks: isText('login') },
      { operation: 'readLiveness', status: 200 },
      { operation: 'readReadiness', status: 200 },
      { operation: 'listProblems', status: 200 },
      { operation: 'explainProblem', status: 200 },
      { operation: 'readOpenapiJson', status: 200, checks: isText('openapi') },
      { operation: 'readOpenapiYaml', status: 200 },
    ],
  },
  {
    name: 'Log out and delete',
    description: 'The last request deletes the account.',
    requests: [
      { operation: 'logout', status: 204 },
      {
        operation: 'refresh',
        name: 'Refresh after the logout',
        description: 'The login has ended. Only this code means that the user must log in again.',
        status: 401,
        checks: hasCode('invalid_refresh_token'),
      },
      { operation: 'login', name: 'Log in again', status: 200, tokens: true },
      { operation: 'logoutEverywhere', status: 204 },
      {
        operation: 'deleteMeByPost',
        name: 'Delete the account with a wrong password',
        body: { password: 'not-{{password}}' },
        status: 403,
        checks: hasCode('wrong_password'),
      },
      { operation: 'deleteMe', status: 204 },
    ],
  },
]
