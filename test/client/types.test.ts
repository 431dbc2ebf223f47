import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import openapiTypescript, { astToString } from 'openapi-typescript'
import t from 'tap'
import ts from 'typescript'

const program = `
import type { components } from './contract.js'
import { createLatchkey, type Latchkey, type Problem, type User } from '../../../client/src/index.js'

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Flat<T> = { [Key in keyof T]: T[Key] }
const same: Same<Flat<User>, Flat<components['schemas']['User']>> = true
const problem: Problem = {} as components['schemas']['Problem']

const auth: Latchkey = createLatchkey({ url: '', storage: 'dpop', origins: [] })
// @ts-expect-error a storage must be chosen
createLatchkey({ url: '' })
// @ts-expect-error and there are four
createLatchkey({ url: '', storage: 'session' })
// @ts-expect-error the user is not the caller's to set
auth.user = null
const signedUp: Promise<User | null> = auth.signup({ email: '', password: '' })
const loggedIn: Promise<User> = auth.login({ email: '', password: '' })
// @ts-expect-error a member that the server would refuse
void auth.login({ email: '', password: '', remember: true })
const off: () => void = auth.onchange((user, reason) => [user?.email, reason?.code, reason?.retryAfter])
export { same, problem, signedUp, loggedIn, off }
`

t.test('the types of the client are those of the contract', async (t) => {
  const folder = t.testdir()
  const { default: yaml } = await import('yaml')
  const { readFileSync } = await import('node:fs')
  const contract = yaml.parse(readFileSync('openapi.yaml', 'utf8')) as never
  writeFileSync(join(folder, 'contract.ts'), astToString(await openapiTypescript(contract)))
  const file = join(folder, 'program.ts')
  writeFileSync(file, program.replaceAll('../../../client', process.cwd() + '/client'))
  const diagnostics = ts.getPreEmitDiagnostics(
    ts.createProgram([file], {
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: [],
      skipLibCheck: true,
    }),
  )
  t.strictSame(
    diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
    [],
  )
})
