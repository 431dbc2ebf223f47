import type { LightMyRequestResponse } from 'fastify'
import { goodPassword, type TestApp } from '../helper.js'

/** The cookies that a browser keeps, by name. An empty value is a removed cookie. */
export type Jar = Map<string, string>

/** Puts the cookies of a reply into the jar, as a browser of the right host and path would. */
export function keep(jar: Jar, { cookies }: LightMyRequestResponse): Jar {
  for (const { name, value, maxAge } of cookies)
    if (maxAge === 0) jar.delete(name)
    else jar.set(name, value)
  return jar
}

/** The Cookie header of a jar. */
export function cookieOf(jar: Iterable<[string, string]>): string {
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
}

/** The Set-Cookie headers of a reply, without values. */
export function setCookies({ headers }: LightMyRequestResponse): string[] {
  return [headers['set-cookie'] ?? []]
    .flat()
    .map((text) => text.replace(/=[^;]*/, (value) => (value === '=' ? '=' : '=…')))
}

/** The Set-Cookie headers of tokens in a reply, without values and without the device cookie. */
export function tokenCookies(reply: LightMyRequestResponse): string[] {
  return setCookies(reply).filter((text) => !/^\S*latchkey-device=/.test(text))
}

/** The headers of a request that a page of an origin makes, as a browser sends them. */
export const from = (origin: string, site = 'same-origin') => ({
  origin,
  'sec-fetch-site': site,
})

/** Signs a new person up with cookies and returns the jar. */
export async function signupByCookie(
  { call, config }: Pick<TestApp, 'call' | 'config'>,
  email = 'ada@example.org',
): Promise<{ jar: Jar; reply: LightMyRequestResponse }> {
  const reply = await call('POST', '/signup', {
    body: { email, password: goodPassword, transport: 'cookie' },
    headers: from(new URL(config.PUBLIC_URL).origin),
  })
  return { jar: keep(new Map(), reply), reply }
}
