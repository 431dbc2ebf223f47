import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import type { Algorithm } from '../../src/keys/signing-key.js'
import { projectFile } from '../helper.js'
import {
  decode,
  encode,
  forge,
  hmac,
  type Jwk,
  makeJwk,
  publicPart,
  type Signer,
  signer,
  thumbprint,
} from './forge.js'

/** The account of the tokens made here. */
export const account = '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd1'

/** The document whose examples are run. */
export const text = await projectFile('docs/verify-elsewhere.md')

/**
 * Writes examples of the document into a folder of the test; each begins with a comment that
 * names its file. Of the settings, issuer and audience are both `issuer`.
 */
export function writeSnippets(
  t: Test,
  { issuer, files, port = 4000 }: { issuer: string; files: string[]; port?: number },
): string {
  const folder = t.testdir()
  for (const file of files) {
    const [, code] =
      new RegExp(`\`\`\`\\w+\\n((?:// |# )${file.replace('.', '\\.')}\\b[^]*?)\`\`\``).exec(text) ??
      []
    if (code === undefined) throw new Error(`There is no example ${file}.`)
    writeFileSync(
      join(folder, file),
      code.replaceAll('http://localhost:3000', issuer).replaceAll('port: 4000', `port: ${port}`),
    )
  }
  return folder
}

/** One for each algorithm, because an RSA key takes a second to create. */
const strangers = new Map<string, Signer>()

/** Signs with a key that the issuer does not have. */
function signAsStranger(alg: Algorithm): Signer {
  const sign = strangers.get(alg) ?? signer(makeJwk(alg))
  strangers.set(alg, sign)
  return sign
}

/**
 * Tokens that every verifier takes, and tokens that none may take, by what is the matter with
 * them.
 */
export function makeTokens(
  issuer: string,
  jwk: Jwk,
): { good: Record<string, string>; bad: Record<string, string> } {
  const now = Math.floor(Date.now() / 1000)
  const alg = jwk.kty === 'EC' ? 'ES256' : jwk.kty === 'OKP' ? 'EdDSA' : 'RS256'
  const header = { alg, typ: 'at+jwt', kid: thumbprint(jwk) }
  const claims = {
    iss: issuer,
    sub: account,
    aud: issuer,
    iat: now,
    exp: now + 600,
    jti: 'one',
    auth_time: now,
    client_id: 'latchkey',
  }
  const sign = signer(jwk)
  const like = (claimed: object, headed: object = {}) =>
    forge({ ...header, ...headed }, { ...claims, ...claimed }, sign)
  const [, , signature] = like({}).split('.')
  const signedOtherwise = (headed: object, claimed: object = {}) =>
    `${encode({ ...header, ...headed })}.${encode({ ...claims, ...claimed })}.${signature}`
  return {
    good: {
      fresh: like({}),
      'ended 20 s ago': like({ exp: now - 20 }),
      'several audiences': like({ aud: ['https://other.example', issuer] }),
      'no client, of an earlier version': like({ client_id: undefined }),
    },
    bad: {
      'a refresh token': like(
        { epoch: 0, aud: `${issuer}/refresh`, exp: now + 2592000 },
        { typ: 'rt+jwt' },
      ),
      'a refresh token of an earlier version': like(
        { epoch: 0, exp: now + 2592000 },
        { typ: 'rt+jwt' },
      ),
      'a reset token': like({ aud: `${issuer}/links` }, { typ: 'reset+jwt' }),
      'typ JWT': like({}, { typ: 'JWT' }),
      'no typ': like({}, { typ: undefined }),
      'ended 40 s ago': like({ exp: now - 40 }),
      'no end': like({ exp: undefined }),
      'not yet': like({ nbf: now + 300 }),
      'another audience': like({ aud: 'https://other.example' }),
      'no audience': like({ aud: undefined }),
      'another issuer': like({ iss: 'https://evil.example' }),
      'the issuer with a slash': like({ iss: `${issuer}/` }),
      'no issuer': like({ iss: undefined }),
      'another key': forge(header, claims, signAsStranger(alg)),
      'an unknown key': like({}, { kid: 'nobody' }),
      'another account': signedOtherwise({}, { sub: 'mallory' }),
      'another algorithm': signedOtherwise({ alg: alg === 'RS256' ? 'ES256' : 'RS256' }),
      'kid no string': signedOtherwise({ kid: 7 }),
      'alg no string': signedOtherwise({ alg: ['ES256'] }),
      'alg none': `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`,
      'a shared secret': forge(
        { ...header, alg: 'HS256' },
        claims,
        hmac(JSON.stringify(publicPart(jwk))),
      ),
      'no object': forge(header, [], sign),
      'no JSON': forge('x', 'x', sign),
      'bound to a key': like({ cnf: { jkt: thumbprint(makeJwk('ES256')) } }),
      'a machine client': like({ client_id: account, auth_time: undefined, scope: 'users:read' }),
      'a machine client with roles': like({ client_id: account, roles: ['editor'] }),
      'a client without a name': like({ client_id: '' }),
      'a client that is no text': like({ client_id: null }),
      'no token': 'a.b.c',
      nothing: '',
    },
  }
}

/** The roles of tokens, and whether a check for the role `editor` lets each in. */
export const roleCases: Array<[roles: unknown, isEditor: boolean]> = [
  [undefined, false],
  [[], false],
  [['editor'], true],
  [['admin', 'editor'], true],
  [['admin'], false],
  [['editors', 'sub-editor', 'co.editor', 'edito'], false],
  [['editor,admin'], false],
]

/** A good token with these roles. */
export function tokenWithRoles(issuer: string, jwk: Jwk, roles: unknown): string {
  const { header, payload } = decode(makeTokens(issuer, jwk).good.fresh as string)
  return forge(header, { ...payload, roles }, signer(jwk))
}

/** A Python that has PyJWT, or null; `exists` says whether there is a Python at all. */
export async function findPython(): Promise<{ program: string | null; exists: boolean }> {
  let exists = false
  for (const program of ['python3', '/usr/bin/python3']) {
    try {
      await promisify(execFile)(program, ['-c', 'import jwt, cryptography'])
      return { program, exists: true }
    } catch (error) {
      exists ||= (error as NodeJS.ErrnoException).code !== 'ENOENT'
    }
  }
  return { program: null, exists }
}

/** Says for each token whether the Python example finds the role `editor` in it. */
export async function findEditorsInPython(
  program: string,
  folder: string,
  tokens: string[],
): Promise<boolean[]> {
  const code = 'latchkey.has_roles(latchkey.verify(token), "editor")'
  return (await runPython(program, folder, tokens, code)) as boolean[]
}

/**
 * Verifies tokens with the Python example in a folder; answers the account of each, or null
 * where it is refused. Any other error than the one the example names is thrown.
 */
export async function verifyInPython(
  program: string,
  folder: string,
  tokens: string[],
): Promise<Array<string | null>> {
  return (await runPython(program, folder, tokens, 'latchkey.verify(token)["sub"]')) as Array<
    string | null
  >
}

async function runPython(
  program: string,
  folder: string,
  tokens: string[],
  expression: string,
): Promise<unknown[]> {
  const code = `import json, latchkey, jwt, sys\nfor token in json.load(sys.stdin):\n  try: print(json.dumps(${expression}))\n  except jwt.PyJWTError: print("null")`
  const running = promisify(execFile)(program, ['-c', code], {
    cwd: folder,
    env: { ...process.env, NO_PROXY: '*', PYTHONPATH: folder },
  })
  running.child.stdin?.end(JSON.stringify(tokens))
  return (await running).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}
