/** Audiences (`aud`) of the tokens that this API issues to itself. */
export interface OwnAudiences {
  refresh: string
  links: string
  devices: string
}

/**
 * The audience of each group of tokens that only this API accepts. None is the audience of an
 * access token, so a verifier elsewhere refuses them even if it does not check `typ` (RFC 8725
 * §3.9).
 *
 * @param issuer PUBLIC_URL
 */
export function ownAudiences(issuer: string): OwnAudiences {
  return { refresh: `${issuer}/refresh`, links: `${issuer}/links`, devices: `${issuer}/devices` }
}
