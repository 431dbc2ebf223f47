import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import openapiTS, { astToString } from 'openapi-typescript'
import t from 'tap'
import ts from 'typescript'

/** What a client knows of a reply once it has looked at `token_type`. */
const program = `
import type { paths } from './api.js'

type Ok<Path extends '/login' | '/refresh' | '/password/change'> =
  paths[Path]['post']['responses'][200]['content']['application/json']
type Exact<One, Other> = (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2
  ? true
  : false

export function hold(reply: Ok<'/login'> | Ok<'/refresh'> | Ok<'/password/change'>): string {
  const type: Exact<typeof reply.token_type, 'Bearer' | 'Cookie' | 'DPoP'> = true
  const seconds: number = reply.expires_in + reply.refresh_expires_in
  const email: string = reply.user.email
  // @ts-expect-error: only two of the three have a token
  reply.access_token
  switch (reply.token_type) {
    case 'Cookie':
      // @ts-expect-error: the tokens are in cookies
      return reply.access_token
    case 'DPoP':
    case 'Bearer':
      return reply.access_token + reply.refresh_token + String([type, seconds, email])
  }
}

export const login: NonNullable<paths['/login']['post']['requestBody']>['content']['application/json'] =
  { email: 'ada@example.org', password: 'x', transport: 'cookie' }
// @ts-expect-error: the only value
login.transport = 'body'
// Neither needs a body.
export const refresh: NonNullable<paths['/refresh']['post']['requestBody']> | undefined = undefined
export const logout: paths['/logout']['post']['requestBody'] = undefined
`

t.test('types that are generated from the contract are exact', async (t) => {
  const folder = t.testdir()
  const contract = new URL('../../../openapi.yaml', import.meta.url)
  writeFileSync(join(folder, 'api.d.ts'), astToString(await openapiTS(contract)))
  const file = join(folder, 'program.ts')
  const compile = (text: string) => {
    writeFileSync(file, text)
    const compiled = ts.createProgram([file], {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: [],
      skipLibCheck: false,
    })
    return ts
      .getPreEmitDiagnostics(compiled)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
  }
  t.strictSame(compile(program), [])
  t.match(
    compile(program.replaceAll('// @ts-expect-error', '//')),
    [/access_token/, /access_token/, /'"body"'/],
    'and without the comments it does not compile',
  )
})
