import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { createClient } from './client.js'

/** A load on servers that share their keys and their database, while the keys are rotated. */
export interface RotationLoad {
  urls: string[]
  /** Rotates the keys of the servers once. */
  rotate: () => Promise<void>
  rotations: number
  /** The min time from the start of one rotation to the start of the next. */
  everyMilliseconds: number
  /** The time that the load continues after the last rotation, so that the last key signs too. */
  settleMilliseconds: number
  /**
   * Requests a second, over all servers. They are sent on schedule, without waiting for earlier
   * responses.
   */
  perSecond: number
}

/**
 * The result. A rejection is a valid token that a server or another service refused; each one
 * is a fault. `lost` requests got no response. Times are milliseconds from the scheduled time.
 * `stall` is the max stall of the load itself, because the machine was busy.
 */
export interface RotationReport {
  requests: number
  byStatus: Record<string, number>
  rejections: string[]
  lost: string[]
  signingKids: number
  seconds: number
  p50: number
  p99: number
  slowest: number
  stall: number
}

interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
}
interface Held {
  access: string
  refresh: string
  kid: string
  expires: number
  issuer: number
}

/** Long enough for a busy machine: a timeout does not count as a rejection. */
const timeoutMilliseconds = 30_000

/** The kinds of each ten requests, in turn. */
const mix = [
  'claims',
  'outside',
  'claims',
  'me',
  'claims',
  'refresh',
  'claims',
  'outside',
  'claims',
  'claims',
] as const

/** Runs the load to its end. Throws if the servers cannot be used, or if `rotate` throws. */
export async function loadDuringRotations({
  urls,
  rotate,
  rotations,
  everyMilliseconds,
  settleMilliseconds,
  perSecond,
}: RotationLoad): Promise<RotationReport> {
  const held: Held[] = []
  const report = {
    byStatus: {} as Record<string, number>,
    rejections: [] as string[],
    lost: [] as string[],
  }
  const kids = new Set<string>()
  const milliseconds: number[] = []
  const hold = (
    { access_token: access, refresh_token: refresh, expires_in: life }: Tokens,
    issuer: number,
  ) => {
    const kid = String(decodeProtectedHeader(access).kid)
    kids.add(kid)
    held.push({ access, refresh, kid, issuer, expires: Date.now() + life * 1000 })
  }
  const send = createClient(timeoutMilliseconds)
  for (const [index, url] of urls.entries()) {
    const { status, body } = await send(`${url}/signup`, {
      body: {
        email: `${crypto.randomUUID()}@example.org`,
        password: 'brass-lantern-under-the-stair',
      },
    })
    if (status !== 201) throw new Error(`signup returned ${status}: ${body}`)
    hold(JSON.parse(body) as Tokens, index)
  }
  const verifiers = await Promise.all(urls.map(outsideVerifiers))

  const ask = async (kind: (typeof mix)[number]) => {
    // Half of the requests use a recent token, half any token: so every key stays in use, also on
    // servers that did not issue the token.
    while ((held[0]?.expires ?? Infinity) < Date.now() + 2 * timeoutMilliseconds) held.shift()
    const { access, refresh, kid, issuer } = any(Math.random() < 0.5 ? held.slice(-10) : held)
    if (kind === 'outside') {
      try {
        await any(verifiers[(issuer + 1) % urls.length] as Verify[])(access)
        return 'outside ok'
      } catch (error) {
        // If the key set could not be fetched, the token was not rejected.
        if (
          !(error instanceof errors.JOSEError) ||
          error instanceof errors.JWKSTimeout ||
          error.code === 'ERR_JOSE_GENERIC'
        )
          throw error
        report.rejections.push(`outside: ${error.code}, key ${kid}`)
        return `outside ${error.code}`
      }
    }
    const index = Math.floor(Math.random() * urls.length)
    const { status, body } = await send(
      `${urls[index]}/${kind}`,
      kind === 'refresh' ? { body: { refresh_token: refresh } } : { token: access },
    )
    if (status === 401) report.rejections.push(`${kind}: ${body}, key ${kid}`)
    if (kind === 'refresh' && status === 200) hold(JSON.parse(body) as Tokens, index)
    return `status ${status}`
  }
  const request = async (number: number, due: number) => {
    const outcome = await ask(mix[number % mix.length] as (typeof mix)[number]).catch(
      (error: unknown) => {
        report.lost.push(String(error))
        return 'lost'
      },
    )
    milliseconds.push(performance.now() - due)
    report.byStatus[outcome] = (report.byStatus[outcome] ?? 0) + 1
  }

  const stalls = monitorEventLoopDelay()
  stalls.enable()
  const begin = performance.now()
  const running: Array<Promise<void>> = []
  const timer = setInterval(() => {
    const due = ((performance.now() - begin) * perSecond) / 1000
    while (running.length < due)
      running.push(request(running.length, begin + (running.length * 1000) / perSecond))
  }, 5)
  try {
    for (let done = 0; done < rotations; done++)
      await Promise.all([rotate(), wait(everyMilliseconds)])
    await wait(settleMilliseconds)
  } finally {
    clearInterval(timer)
    await Promise.all(running)
  }
  milliseconds.sort((a, b) => a - b)
  const quantile = (share: number) =>
    Math.round(
      milliseconds[Math.min(milliseconds.length - 1, Math.floor(milliseconds.length * share))] ??
        NaN,
    )
  return {
    requests: running.length,
    ...report,
    signingKids: kids.size,
    seconds: Math.round((performance.now() - begin) / 1000),
    p50: quantile(0.5),
    p99: quantile(0.99),
    slowest: quantile(1),
    stall: Math.round(stalls.max / 1e6),
  }
}

type Verify = (token: string) => Promise<unknown>

/**
 * Creates verifiers of other services. They cache the published keys for exactly `max-age`, and
 * never fetch them earlier.
 */
async function outsideVerifiers(url: string): Promise<Verify[]> {
  const address = new URL(`${url}/.well-known/jwks.json`)
  const maxAge = Number(
    /max-age=(\d+)/.exec((await fetch(address)).headers.get('cache-control') ?? '')?.[1],
  )
  return Array.from({ length: 4 }, () => {
    const keys = createRemoteJWKSet(address, {
      cacheMaxAge: maxAge * 1000,
      cooldownDuration: 1e9,
      timeoutDuration: timeoutMilliseconds,
    })
    return async (token) =>
      await jwtVerify(token, keys, {
        issuer: String(decodeJwt(token).iss),
        typ: 'at+jwt',
        requiredClaims: ['sub', 'exp', 'jti'],
      })
  })
}

function any<T>(list: T[]): T {
  return list[Math.floor(Math.random() * list.length)] as T
}
