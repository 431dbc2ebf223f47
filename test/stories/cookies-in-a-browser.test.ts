import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { goodPassword, type TestOptions } from '../helper.js'
import { hosts, type Sites, startBrowser, startSites } from '../support/sites.js'

const victim = { email: 'ada@example.org', password: goodPassword, transport: 'cookie' }
const thief = { email: 'eve@example.org', password: goodPassword, transport: 'cookie' }

/** Calls the API from a page, as its script would. */
async function call(page: Page, url: string, init: RequestInit = {}): Promise<number> {
  return await page.evaluate(
    async ([url, init]) => {
      const options = { method: 'POST', credentials: 'include', ...(init as object) } as const
      return await fetch(url, options as RequestInit).then(
        ({ status }) => status,
        () => -1,
      )
    },
    [url, init] as const,
  )
}

const json = (body: object): RequestInit => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

/** Posts a form of a page, as a script that wants to cheat would. */
async function post(page: Page, url: string): Promise<void> {
  const answered = page.waitForResponse((response) => response.url() === url)
  await page.evaluate(`{
    const form = document.createElement('form')
    Object.assign(form, { method: 'POST', action: ${JSON.stringify(url)} })
    document.body.append(form)
    form.submit()
  }`)
  await answered
  await page.waitForTimeout(200)
}

/** Who the cookies of a browser belong to, after a refresh by the page of the app. */
async function personOf(sites: Sites, context: BrowserContext): Promise<string> {
  const page = await sites.open(context, hosts.app)
  return await page.evaluate(async (url) => {
    const reply = await fetch(`${url}/refresh`, { method: 'POST', credentials: 'include' })
    const { user } = (await reply.json()) as { user?: { email: string } }
    return user?.email ?? 'logged out'
  }, sites.originOf(hosts.id))
}

const cookieValues = async (context: BrowserContext) =>
  (await context.cookies()).map(({ name, value }) => `${name}=${value}`).sort()

/** An attack, and how the application looks without what protects from it. */
interface Attack {
  name: string
  /** Runs before the victim logs in. */
  prepare?: (sites: Sites, context: BrowserContext) => Promise<void>
  attack: (sites: Sites, context: BrowserContext) => Promise<void>
  without: TestOptions
}

const withoutCheck: TestOptions = {
  wrapServices: (services) => ({
    ...services,
    sites: { passes: () => true, require: () => {}, requireStorable: () => {} },
  }),
}
const everyOrigin: TestOptions['beforeReady'] = (app) => {
  app.addHook('onSend', (request, reply, _payload, done) => {
    const { origin } = request.headers
    if (origin !== undefined)
      reply.headers({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-allow-headers': 'content-type',
      })
    if (request.method === 'OPTIONS') reply.code(204)
    done()
  })
}

const attacks: Attack[] = [
  {
    name: 'a form of another site logs the person out',
    attack: async (sites, context) => {
      await post(await sites.open(context, hosts.foreign), `${sites.originOf(hosts.id)}/logout`)
    },
    without: withoutCheck,
  },
  {
    name: 'a fetch of a sibling sub-domain logs the person out',
    attack: async (sites, context) => {
      const page = await sites.open(context, hosts.sibling)
      await call(page, `${sites.originOf(hosts.id)}/logout`, { mode: 'no-cors' })
    },
    without: withoutCheck,
  },
  {
    name: 'a form of a sibling sub-domain ends every login of the person',
    attack: async (sites, context) => {
      await post(
        await sites.open(context, hosts.sibling),
        `${sites.originOf(hosts.id)}/logout/everywhere`,
      )
    },
    without: withoutCheck,
  },
  {
    name: 'a sibling sub-domain logs the person in to the account of the attacker',
    attack: async (sites, context) => {
      const page = await sites.open(context, hosts.sibling)
      await call(page, `${sites.originOf(hosts.id)}/login`, json(thief))
      await call(page, `${sites.originOf(hosts.id)}/login`, {
        mode: 'no-cors',
        body: JSON.stringify(thief),
      })
    },
    without: { ...withoutCheck, beforeReady: everyOrigin },
  },
  {
    name: 'a sibling sub-domain plants a refresh cookie of the attacker',
    prepare: async (sites, context) => {
      const reply = await sites.built.call('POST', '/login', {
        body: thief,
        headers: { origin: sites.originOf(hosts.app) },
      })
      const refresh = reply.cookies.find(({ name }) => name === '__Secure-latchkey-refresh')?.value
      const page = await sites.open(context, hosts.sibling)
      for (const cookie of ['__Secure-latchkey-refresh', '__Host-latchkey']) {
        const path = cookie.includes('refresh') ? '/refresh' : '/'
        const text = `${cookie}=${refresh}; Domain=example.test; Path=${path}; Secure`
        await page.evaluate(`document.cookie = ${JSON.stringify(text)}`)
      }
    },
    attack: async () => {},
    without: {
      wrapServices: (services) => ({
        ...services,
        tokenCookies: {
          ...services.tokenCookies,
          readRefresh: ({ headers: { cookie = '' } }) =>
            /__Secure-latchkey-refresh=([^;]+)/.exec(cookie)?.[1] ?? null,
        },
      }),
    },
  },
]

t.test('pages of other origins cannot act for a person with cookies', async (t) => {
  const newContext = await startBrowser(t)
  /** Logs the victim in, attacks, and says who the browser belongs to then. */
  const run = async ({ prepare, attack }: Attack, options: TestOptions) => {
    const sites = await startSites(t, options)
    const context = await newContext()
    const own = { origin: sites.originOf(hosts.app) }
    for (const body of [victim, thief])
      await sites.built.call('POST', '/signup', { body, headers: own })
    await prepare?.(sites, context)
    const page = await sites.open(context, hosts.app)
    t.equal(await call(page, `${sites.originOf(hosts.id)}/login`, json(victim)), 200)
    t.equal((await cookieValues(context)).filter((one) => /Host-latchkey=/.test(one)).length, 1)
    await attack(sites, context)
    const person = await personOf(sites, context)
    await context.close()
    return person
  }
  for (const one of attacks) {
    const { name, without } = one
    t.equal(await run(one, {}), victim.email, `${name}: refused`)
    t.not(await run(one, without), victim.email, `${name}: it works without the protection`)
  }
})

t.test('scripts cannot read the cookies', async (t) => {
  const newContext = await startBrowser(t)
  const seen = async (options: TestOptions) => {
    const sites = await startSites(t, options)
    const context = await newContext()
    const app = await sites.open(context, hosts.app)
    t.equal(await call(app, `${sites.originOf(hosts.id)}/signup`, json(victim)), 201)
    const page = await sites.open(context, hosts.id)
    return String(await page.evaluate('document.cookie'))
  }
  t.equal(await seen({}), '')
  const readable: TestOptions['beforeReady'] = (app) => {
    app.addHook('onSend', (_request, reply, _payload, done) => {
      const cookies = [reply.getHeader('set-cookie') ?? []].flat().map(String)
      reply.removeHeader('set-cookie')
      for (const cookie of cookies) reply.header('set-cookie', cookie.replace(' HttpOnly;', ''))
      done()
    })
  }
  t.match(await seen({ beforeReady: readable }), /latchkey=eyJ/, 'without HttpOnly they can')
})

t.test('a sibling sub-domain cannot renew the cookies', async (t) => {
  const newContext = await startBrowser(t)
  const areChanged = async (options: TestOptions) => {
    const sites = await startSites(t, options)
    const context = await newContext()
    const api = sites.originOf(hosts.id)
    await call(await sites.open(context, hosts.app), `${api}/signup`, json(victim))
    const before = await cookieValues(context)
    const init: RequestInit = { mode: 'no-cors' }
    await call(await sites.open(context, hosts.sibling), `${api}/refresh`, init)
    return JSON.stringify(before) !== JSON.stringify(await cookieValues(context))
  }
  t.notOk(await areChanged({}))
  t.ok(await areChanged(withoutCheck), 'without the check it can')
})

t.test('a page of another site cannot write by cookie, nor read', async (t) => {
  const newContext = await startBrowser(t)
  const sites = await startSites(t)
  const context = await newContext()
  const api = sites.originOf(hosts.id)
  const page = await sites.open(context, hosts.app)
  await call(page, `${api}/signup`, json(victim))
  const patch = { ...json({ name: 'Changed' }), method: 'PATCH' }
  for (const host of [hosts.sibling, hosts.foreign]) {
    const evil = await sites.open(context, host)
    t.equal(await call(evil, `${api}/me`, patch), -1, `${host}: write`)
    t.equal(await call(evil, `${api}/me`, { method: 'GET' }), -1, `${host}: read`)
  }
  const { accounts } = sites.built.store
  t.equal((await accounts.findByEmail(victim.email))?.name, null)
  t.equal(await call(page, `${api}/me`, patch), 200, 'the page of the app can')
  t.equal((await accounts.findByEmail(victim.email))?.name, 'Changed')
})

t.test('a foreign page cannot send a person on to itself', async (t) => {
  const newContext = await startBrowser(t)
  /** Navigates from a foreign page to the renewal, and says which host the person ends at. */
  const endOf = async (options: TestOptions) => {
    const sites = await startSites(t, options)
    const context = await newContext()
    const api = sites.originOf(hosts.id)
    await call(await sites.open(context, hosts.app), `${api}/signup`, json(victim))
    const page = await sites.open(context, hosts.foreign)
    const target = `${api}/refresh?return_to=${encodeURIComponent(`${page.url()}taken`)}`
    await page.evaluate(`location.href = ${JSON.stringify(target)}`)
    await page.waitForURL(({ pathname }) => pathname !== '/')
    const host = new URL(page.url()).hostname
    return [host, await personOf(sites, context)]
  }
  t.strictSame(await endOf({}), [hosts.id, victim.email], 'refused, and still logged in')
  const anywhere: TestOptions = {
    wrapServices: (services) => {
      const read = ({ url }: { url: string }) =>
        String(new URLSearchParams(url.split('?')[1]).get('return_to'))
      return { ...services, returnTo: { find: read, require: read } }
    },
  }
  t.strictSame(await endOf(anywhere), [hosts.foreign, victim.email], 'without the check it can')
})

t.test('the cookie of the device works from another origin of the same site', async (t) => {
  const newContext = await startBrowser(t)
  const sites = await startSites(t)
  const context = await newContext()
  const api = sites.originOf(hosts.id)
  const page = await sites.open(context, hosts.app)
  await call(page, `${api}/signup`, json({ ...victim, transport: undefined }))
  t.strictSame(
    (await context.cookies()).map(({ name, sameSite }) => [name, sameSite]),
    [['__Host-latchkey-device', 'Strict']],
    'also for a client with bearer tokens',
  )
  const asked = page.waitForRequest((request) => request.method() === 'POST')
  await call(page, `${api}/login`, json({ ...victim, transport: undefined }))
  t.match((await (await asked).allHeaders()).cookie, /^__Host-latchkey-device=eyJ/)
})
