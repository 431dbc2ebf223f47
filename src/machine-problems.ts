/** The problems that only machine clients meet: a part of `problemKinds`. */
export const machineProblems = {
  unsupported_grant_type: {
    status: 400,
    title: 'The grant type is not supported',
    advice:
      'Send "grant_type=client_credentials". Only machine clients get tokens here: people log in with POST /login.',
  },
  invalid_scope: {
    status: 400,
    title: 'The machine client does not have this scope',
    advice:
      'Ask for scopes that the client has, separated by spaces, or send no "scope" to get all of them.',
  },
  invalid_client: {
    status: 401,
    title: 'The machine client is not valid',
    advice:
      'Check client_id and client_secret. A client may be disabled, or its secret was replaced. The operator of this service lists and rotates clients.',
  },
  insufficient_scope: {
    status: 403,
    title: 'The machine client may not do this',
    advice:
      'The token needs the scope that the "WWW-Authenticate" header names. No scope lets a machine client give the role "admin", or change an account that has it.',
  },
} as const
