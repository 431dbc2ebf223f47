import { story, variableOf, variableOfPath, variables } from './story.mjs'

const withToken = {
  type: 'bearer',
  bearer: [{ key: 'token', value: '{{accessToken}}', type: 'string' }],
}

/** Returns the Postman collection of a contract. */
export function collectionOf({ info, paths }) {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  )
  const itemOf = (request) => {
    const operation = operations.find(({ operationId }) => operationId === request.operation)
    if (operation === undefined) throw new Error(`There is no operation ${request.operation}`)
    return createItem(request, operation)
  }
  return {
    info: {
      name: info.title,
      description: [
        info.description,
        'Run the requests in order, or the whole collection. Scripts keep the tokens in the variables `accessToken` and `refreshToken`. The server runs at the variable `baseUrl`.',
        'Four requests need the token of a mail, and expect 400 without it. Put the text after `#token=` into the variable `mailToken`. Without `SMTP_URL` the mails are files in `data/outbox` of the server.',
        'Generated from openapi.yaml. docs/try-it.md shows the first steps.',
      ].join('\n\n'),
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    // For requests that a person adds.
    auth: withToken,
    variable: Object.entries(variables).map(([key, [value, description]]) => ({
      key,
      value,
      type: 'string',
      description,
    })),
    item: foldersOf(operations).map(({ name, description, requests }) => ({
      name,
      description,
      item: requests.map(itemOf),
    })),
  }
}

/** The story. Operations that it does not name come before the end, which deletes the account. */
function foldersOf(operations) {
  const told = new Set(story.flatMap(({ requests }) => requests.map(({ operation }) => operation)))
  const requests = operations
    .filter(({ operationId }) => !told.has(operationId))
    .map(({ operationId, responses }) => ({
      operation: operationId,
      status: Object.keys(responses).find((status) => status.startsWith('2')),
    }))
  const more = { name: 'More', description: 'The other operations.', requests }
  return requests.length === 0 ? story : [...story.slice(0, -1), more, ...story.slice(-1)]
}

function createItem(request, operation) {
  const { summary, description, requestBody, security } = operation
  const { example } = requestBody?.content['application/json'] ?? {}
  return {
    name: request.name ?? summary,
    event: eventsOf(request),
    request: {
      method: operation.method.toUpperCase(),
      // Not inherited from the collection: importers of other programs lose that.
      auth: security === undefined ? withToken : { type: 'noauth' },
      header: example === undefined ? [] : [{ key: 'Content-Type', value: 'application/json' }],
      ...(example && { body: bodyOf({ ...withVariables(example), ...request.body }) }),
      ...(request.form && { body: formOf(request.form) }),
      url: urlOf(operation),
      description: request.description ?? description,
    },
    response: [],
  }
}

function withVariables(example) {
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => [
      name,
      name in variableOf ? `{{${variableOf[name]}}}` : value,
    ]),
  )
}

function bodyOf(members) {
  const raw = JSON.stringify(members, null, 2)
  return { mode: 'raw', raw, options: { raw: { language: 'json' } } }
}

function formOf(members) {
  const credentials = { client_id: '{{clientId}}', client_secret: '{{clientSecret}}' }
  const pairs = Object.entries({ ...members, ...credentials })
  return { mode: 'urlencoded', urlencoded: pairs.map(([key, value]) => ({ key, value })) }
}

function urlOf({ path, parameters = [] }) {
  const example = (_match, name) =>
    name in variableOfPath
      ? `{{${variableOfPath[name]}}}`
      : parameters.find((one) => one.name === name).example
  const filled = path.replace(/\{(\w+)\}/g, example)
  return {
    raw: `{{baseUrl}}${filled}`,
    host: ['{{baseUrl}}'],
    path: filled.slice(1).split('/'),
  }
}

function eventsOf(request) {
  const { before, mailed, admin, form, checks = [] } = request
  const { tokens, after, afterMailed, afterAdmin } = request
  const { status = 403 } = request
  return [
    ...(before ? [scriptOf('prerequest', before)] : []),
    scriptOf('test', [
      ...(mailed === undefined ? [] : statusByMail(status, mailed)),
      ...(admin === undefined ? [] : statusByRole(admin)),
      ...(form === undefined ? [] : statusByClient(status)),
      ...(mailed === undefined && admin === undefined && form === undefined
        ? statusIs(status)
        : []),
      ...checks,
      ...(tokens ? keepTokens : []),
      ...onStatus(status, after),
      ...onStatus(mailed, afterMailed),
      ...onStatus(admin, afterAdmin),
    ]),
  ]
}

function scriptOf(listen, exec) {
  return { listen, script: { type: 'text/javascript', exec } }
}

function statusIs(status) {
  return [
    `pm.test('the status is ${status}', () => {`,
    `  pm.response.to.have.status(${status})`,
    '})',
  ]
}

function statusByMail(without, status) {
  return [
    `// ${without} until the variable mailToken has the token of a mail.`,
    "const hasToken = pm.collectionVariables.get('mailToken') !== 'from-the-mail'",
    `pm.test('the status is ${without}, or ${status} with the token of a mail', () => {`,
    `  pm.expect(pm.response.code).to.eql(hasToken ? ${status} : ${without})`,
    '})',
  ]
}

function statusByRole(status) {
  return [
    `pm.test('the status is ${status} for an admin, 403 for others', () => {`,
    `  pm.expect(pm.response.code).to.be.oneOf([${status}, 403])`,
    '})',
  ]
}

function statusByClient(status) {
  return [
    "const hasClient = pm.collectionVariables.get('clientId') !== ''",
    `pm.test('the status is ${status} with a machine client, 401 without', () => {`,
    `  pm.expect(pm.response.code).to.eql(hasClient ? ${status} : 401)`,
    '})',
  ]
}

const keepTokens = [
  '// The next requests use these.',
  'const tokens = pm.response.json()',
  'if (tokens.access_token) {',
  "  pm.collectionVariables.set('accessToken', tokens.access_token)",
  "  pm.collectionVariables.set('refreshToken', tokens.refresh_token)",
  '}',
]

function onStatus(status, lines) {
  if (lines === undefined) return []
  return [`if (pm.response.code === ${status}) {`, ...lines.map((line) => `  ${line}`), '}']
}
