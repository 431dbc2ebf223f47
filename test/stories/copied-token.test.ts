import t from 'tap'
import { goodPassword } from '../helper.js'
import { athOf, createProver } from '../support/prover.js'
import { hosts, startBrowser, startSites } from '../support/sites.js'

/**
 * What a page of the app does: it creates a key that no script can export, and signs up with a
 * proof. `api` is PUBLIC_URL. Returns the tokens, as an injected script would copy them, and
 * whether the page itself can use them.
 */
const script = (api: string, password: string, withKey: boolean) => `(async () => {
  const encode = (data) => btoa(String.fromCharCode(...new Uint8Array(data)))
    .replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=/g, '')
  const text = (value) => encode(new TextEncoder().encode(JSON.stringify(value)))
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', keys.publicKey)
  const hash = async (token) =>
    encode(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token)))
  let nonce
  const prove = async (method, path, token) => {
    const header = text({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } })
    const payload = text({
      jti: crypto.randomUUID(), htm: method, htu: '${api}' + path, iat: 1, nonce,
      ...(token && { ath: await hash(token) }),
    })
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, keys.privateKey,
      new TextEncoder().encode(header + '.' + payload))
    return header + '.' + payload + '.' + encode(signature)
  }
  const send = async (method, path, { body, token } = {}) => {
    const reply = await fetch('${api}' + path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(${String(withKey)} && { dpop: await prove(method, path, token) }),
        ...(token && { authorization: (${String(withKey)} ? 'DPoP ' : 'Bearer ') + token }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    nonce = reply.headers.get('dpop-nonce') ?? nonce
    return reply
  }
  const body = { email: 'ada@example.org', password: '${password}' }
  if (${String(withKey)}) await send('POST', '/signup', { body })
  const tokens = await (await send('POST', '/signup', { body })).json()
  const own = await send('GET', '/me', { token: tokens.access_token })
  const exported = await crypto.subtle.exportKey('jwk', keys.privateKey).then(() => true, () => false)
  return { ...tokens, nonce, own: own.status, exported }
})()`

interface Copied {
  token_type: string
  access_token: string
  refresh_token: string
  nonce: string
  own: number
  exported: boolean
}

t.test('tokens that were copied out of a page', async (t) => {
  const newContext = await startBrowser(t)
  /** Copies the tokens of a page, and tries to use them elsewhere. */
  const steal = async (withKey: boolean) => {
    const sites = await startSites(t)
    const api = sites.originOf(hosts.id)
    const page = await sites.open(await newContext(), hosts.app)
    const copied = (await page.evaluate(script(api, goodPassword, withKey))) as Copied
    const { access_token: token, refresh_token: refreshToken, nonce } = copied
    const thief = createProver()
    const proof = (htm: string, path: string, ath?: string) =>
      thief.make({ htm, htu: `${api}${path}`, nonce, ath })
    const { call } = sites.built
    const bearer = { authorization: `Bearer ${token}` }
    const dpop = { authorization: `DPoP ${token}` }
    const own = proof('GET', '/me', athOf(token))
    const body = { refresh_token: refreshToken }
    const replies = {
      asBearer: await call('GET', '/me', { headers: bearer }),
      withoutProof: await call('GET', '/me', { headers: dpop }),
      withForeignProof: await call('GET', '/me', { headers: { ...dpop, dpop: own } }),
      inCookie: await call('GET', '/me', { headers: { cookie: `__Host-latchkey=${token}` } }),
      refresh: await call('POST', '/refresh', { body }),
    }
    const foreign = await call('POST', '/refresh', {
      body,
      headers: { dpop: proof('POST', '/refresh') },
    })
    return {
      type: copied.token_type,
      own: copied.own,
      exported: copied.exported,
      ...Object.fromEntries(
        Object.entries({ ...replies, refreshWithForeignProof: foreign }).map(([name, reply]) => [
          name,
          reply.statusCode,
        ]),
      ),
    }
  }
  t.strictSame(await steal(true), {
    type: 'DPoP',
    own: 200,
    exported: false,
    asBearer: 401,
    withoutProof: 401,
    withForeignProof: 401,
    inCookie: 401,
    refresh: 400,
    refreshWithForeignProof: 400,
  })
  t.match(
    await steal(false),
    { type: 'Bearer', own: 200, asBearer: 200, refresh: 200 },
    'without a key, the thief has the account',
  )
})
