/** The audiences (`aud`) of the tokens that this API issues to itself. */
export interface OwnAudiences {
  refresh: string
  links: string
  devices: string
}

/**
 * Returns the audience of each group of tokens that only this API accepts. Access tokens have
 * another audience. So a verifier elsewhere refuses these tokens even if it does not check
 * `typ` (RFC 8725 §3.9).
 *
 * @param issuer PUBLIC_URL
 */
export function ownAudiences(issuer: string): OwnAudiences {
  return { refresh: `${issuer}/refresh`, links: `${issuer}/links`, devices: `${issuer}/devices` }
}
