import { existsSync } from 'node:fs'
import { STATUS_CODES } from 'node:http'
import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { linkPaths } from '../../src/api/well-known/app-links.js'
import { Problem } from '../../src/errors.js'
import { buildTestApp, goodPassword, projectFile } from '../helper.js'
import { cookiesOf } from '../support/cookie-jar.js'
import { athOf, createProver } from '../support/prover.js'

const text = await projectFile('docs/mobile.md')
const base = 'https://id.example.com'

/** One block of the document: a request and its reply. */
interface Sample {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body: string
  status: number
  replyHeaders: Record<string, string>
  replyBody: string
  /** What happens before: the request was sent before, time has passed, the database is away. */
  times: number
  later: number
  isAway: boolean
}

const samples = [...text.matchAll(/```http ?(.*)\n([^]*?)```/g)].map(([, how = '', block = '']) =>
  parseSample(how, block),
)

function parseSample(how: string, block: string): Sample {
  const [first = '', second = ''] = block.split(/\n(?=HTTP\/1\.1 \d)/)
  const parse = (message: string) => {
    const [head = '', body = ''] = message.split('\n\n')
    const [start = '', ...lines] = head.trim().split('\n')
    const headers = lines.map((line) => line.split(/: (.*)/s).slice(0, 2))
    return { start, headers: Object.fromEntries(headers) as Record<string, string>, body }
  }
  const [request, reply] = [parse(first), parse(second)]
  const [, method, path] = /^(GET|POST) (\S+) HTTP\/1\.1$/.exec(request.start) ?? []
  const [, status, words] = /^HTTP\/1\.1 (\d+) (.+)$/.exec(reply.start) ?? []
  if (path === undefined || STATUS_CODES[Number(status)] !== words) throw new Error(block)
  return {
    method: method as 'GET' | 'POST',
    path,
    headers: request.headers,
    body: request.body.trim(),
    status: Number(status),
    replyHeaders: reply.headers,
    replyBody: reply.body.trim(),
    times: Number(/times=(\d+)/.exec(how)?.[1] ?? 1),
    later: Number(/later=(\d+)/.exec(how)?.[1] ?? 0),
    isAway: how === 'away',
  }
}

/** `…` stands for what differs each time. */
function fits(t: Test, found: string, expected: string, message: string): void {
  const literal = expected
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('…', '(?:[^"\\\\]|\\\\.)+?')
  t.match(found, new RegExp(`^${literal}$`), message)
}

t.test('the requests and replies of docs/mobile.md are as written', async (t) => {
  let isAway = false
  const { call, signup, time } = await buildTestApp(t, {
    env: { PUBLIC_URL: base },
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findById: async (id) => {
          if (isAway) throw new Problem('unavailable')
          return await store.accounts.findById(id)
        },
      },
    }),
  })
  await signup({ email: 'ada@example.org', password: goodPassword, name: 'Ada' })
  const prover = createProver()
  const known: Record<string, string> = {}
  const fill = (written: string, { method, path }: Sample): string => {
    const token = known.access_token
    const proof = () =>
      prover.make({
        htm: method,
        htu: `${base}${path}`,
        ...(known.nonce !== undefined && { nonce: known.nonce }),
        ...(token !== undefined && path === '/me' && { ath: athOf(token) }),
      })
    return written.replace(/<([a-z_-]+)>/g, (all, name: string) =>
      name === 'proof' ? proof() : (known[name] ?? all),
    )
  }
  const learn = (reply: LightMyRequestResponse): void => {
    if (reply.body.startsWith('{')) Object.assign(known, reply.json())
    for (const { name, value } of cookiesOf(reply)) known['device-cookie'] = `${name}=${value}`
    if (reply.headers['dpop-nonce'] !== undefined) known.nonce = String(reply.headers['dpop-nonce'])
  }
  for (const sample of samples) {
    time.now += sample.later * 1000
    isAway = sample.isAway
    let reply: LightMyRequestResponse | undefined
    for (let times = 0; times < sample.times; times++) {
      const headers = Object.entries(sample.headers).map(([name, value]) => [
        name,
        fill(value, sample),
      ])
      reply = await call(sample.method, sample.path, {
        headers: Object.fromEntries(headers) as Record<string, string>,
        ...(sample.body !== '' && { body: fill(sample.body, sample) }),
      })
      learn(reply)
    }
    const name = `${sample.method} ${sample.path} ${sample.status}`
    t.equal(reply?.statusCode, sample.status, name)
    for (const [header, value] of Object.entries(sample.replyHeaders))
      fits(t, String(reply?.headers[header]), value, `${name}: ${header}`)
    fits(t, String(reply?.body), sample.replyBody, name)
  }
  t.strictSame(
    new Set(samples.map(({ status }) => status)),
    new Set([200, 204, 400, 401, 429, 503]),
    'the samples are found',
  )
})

t.test('the settings of docs/mobile.md serve the files, and name every link', async (t) => {
  const [, block = ''] = /```sh\n([^]*?)```/.exec(text) ?? []
  const env = Object.fromEntries(
    block.split('\n').flatMap((line) => {
      const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? []
      return name === undefined ? [] : [[name, value]]
    }),
  ) as Record<string, string>
  t.strictSame(Object.keys(env), ['ANDROID_APP_LINKS', 'APPLE_APP_IDS'])
  const { call } = await buildTestApp(t, { env })
  for (const [, path = ''] of text.matchAll(/^\| `(\/\.well-known\/[^`]+)`/gm))
    t.equal((await call('GET', path)).statusCode, 200, path)
  const rows = Array.from(
    text.matchAll(/^\| `(\/(?:email|password)\/\w+)` \|/gm),
    ([, path]) => path,
  )
  t.strictSame(rows, [...linkPaths])
})

t.test('each client says whether it was compiled', async (t) => {
  const rows = [
    ...text.matchAll(/^\| \[\S+\]\(\.\.\/(examples\/mobile\/\S+)\) \|[^|]+\| (.+) \|$/gm),
  ]
  t.strictSame(
    rows.map(([, file = '', how = '']) => [file.split('/').pop(), /compiled|^yes/.test(how)]),
    [
      ['latchkey.ts', true],
      ['Latchkey.kt', true],
      ['KeystoreStore.kt', true],
      ['Latchkey.swift', true],
    ],
  )
  for (const [, file = ''] of rows) t.ok(existsSync(file), file)
})
