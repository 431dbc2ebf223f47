import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import openapiTS, { astToString } from 'openapi-typescript'
import t, { type Test } from 'tap'
import ts from 'typescript'
import { newestMailToken } from '../support/outbox.js'
import { startServer } from '../support/process.js'
import { goodPassword, projectFile } from '../helper.js'

const types = astToString(await openapiTS(new URL('../../openapi.yaml', import.meta.url)))
const text = await projectFile('docs/generated-client.md')
const [, program = ''] = /```ts\n(\/\/ client\.ts\n[^]*?)```/.exec(text) ?? []

/** Calls a function of the program, and prints what it returns. */
const driver = `import * as client from './client.js'
const [url, name, ...args] = process.argv.slice(2)
console.log(await client[name](client.connect(url), ...args))
`

/** Compiles files together: the types of the contract take the most time. Returns the errors. */
function compile(folder: string, files: Record<string, string>): Record<string, string[]> {
  writeFileSync(join(folder, 'api.d.ts'), types)
  for (const [name, code] of Object.entries(files)) writeFileSync(join(folder, name), code)
  const compiled = ts.createProgram(
    Object.keys(files).map((name) => join(folder, name)),
    {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: [],
      skipLibCheck: false,
    },
  )
  const { diagnostics } = compiled.emit()
  const errors: Record<string, string[]> = {}
  for (const { file, messageText } of [...ts.getPreEmitDiagnostics(compiled), ...diagnostics])
    (errors[basename(file?.fileName ?? '')] ??= []).push(
      ts.flattenDiagnosticMessageText(messageText, '\n'),
    )
  return errors
}

function openFolder(t: Test): string {
  return t.testdir({
    'package.json': '{ "type": "module" }',
    'driver.js': driver,
    node_modules: t.fixture('symlink', resolve('node_modules')),
  })
}

async function call(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['driver.js', ...args], {
    cwd: folder,
  })
  return stdout.trim()
}

t.test('the program of docs/generated-client.md compiles, and runs', async (t) => {
  const folder = openFolder(t)
  t.strictSame(compile(folder, { 'client.ts': program }), {})
  const email = `${randomUUID()}@example.org`

  await t.test('with SIGNUP_MODE=instant', async (t) => {
    const { url } = await startServer(t, t.testdir())
    t.equal(await call(folder, url, 'signUp', email, goodPassword), `Welcome, ${email}!`)
    t.equal(
      await call(folder, url, 'signUp', email, goodPassword),
      'This address has an account already. Log in instead.',
    )
    t.equal(await call(folder, url, 'signUp', 'x', goodPassword), 'Please correct: /email.')
    t.match(
      await call(folder, url, 'signUp', `${randomUUID()}@example.org`, 'password'),
      /^Choose a better password: too_guessable/,
    )
    t.equal(await call(folder, url, 'confirm', 'wrong'), 'Sign up again.')
  })

  await t.test('with SIGNUP_MODE=verify_first', async (t) => {
    const server = t.testdir()
    const { url } = await startServer(t, server, { SIGNUP_MODE: 'verify_first' })
    t.equal(
      await call(folder, url, 'signUp', email, goodPassword),
      `Use the link in the mail to ${email}.`,
    )
    const token = await newestMailToken(server)
    t.equal(await call(folder, url, 'confirm', token), `Welcome, ${email}!`)
  })

  await t.test('with SIGNUP_MODE=closed', async (t) => {
    const { url } = await startServer(t, t.testdir(), { SIGNUP_MODE: 'closed' })
    t.equal(
      await call(folder, url, 'signUp', email, goodPassword),
      'Ask the operator for an account.',
    )
  })
})

t.test('the compiler finds what the contract does not allow', async (t) => {
  const wrong: Array<[string, string, string, RegExp]> = [
    ['a case is missing', "    case 'overloaded':\n", '', /"overloaded".* 'never'/],
    [
      'a code of another route',
      "case 'email_taken':",
      "case 'email_taken':\n case 'wrong_password':",
      /"wrong_password".* is not comparable/,
    ],
    ['202 has no tokens', "if ('status' in data)", 'if (false)', /mail_sent/],
    [
      'cookies have no token in the reply',
      "if (tokens.token_type !== 'Bearer')",
      'if (false)',
      /access_token/,
    ],
  ]
  const errors = compile(
    openFolder(t),
    Object.fromEntries(
      wrong.map(([name, old, text]) => {
        t.ok(program.includes(old), old)
        return [`${name.replaceAll(' ', '-')}.ts`, program.replace(old, text)]
      }),
    ),
  )
  t.equal(Object.keys(errors).length, wrong.length)
  for (const [name, , , pattern] of wrong)
    t.match(errors[`${name.replaceAll(' ', '-')}.ts`], [pattern], name)
})
