/** The ways to send an access token. A client needs one of them. */
export const everyWay = [{ accessToken: [] }, { accessCookie: [] }, { boundToken: [] }]

/** The ways to send credentials, for the contract. */
export const securitySchemes = {
  accessToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'at+jwt',
    description:
      'An access token from POST /signup, POST /login or POST /refresh; for machine clients from POST /token',
  },
  accessCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-latchkey',
    description:
      'The cookie that a request with `"transport": "cookie"` sets. Requests that change something must come from a page of this server or of CORS_ORIGINS. With `COOKIE_DOMAIN` or over http the cookie has another name',
  },
  clientSecret: {
    type: 'http',
    scheme: 'basic',
    description: 'The id and the secret of a machine client, each form-urlencoded',
  },
  boundToken: {
    type: 'http',
    scheme: 'dpop',
    description:
      'An access token that is bound to a key, with a proof in the header `DPoP` (RFC 9449). The proof needs the nonce of the header `DPoP-Nonce`',
  },
} as const
