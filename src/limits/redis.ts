import type { FastifyBaseLogger } from 'fastify'
import { type Command, Redis, type RedisOptions } from 'ioredis'
import { readSentinelUrl } from '../redis-url.js'

/** The max time that a request waits for Redis, in milliseconds. */
export const redisTimeout = 200

/** The min time between two new connections to a Redis that accepts no writes. */
const reconnectMilliseconds = 1000

/**
 * Connects to Redis without ever delaying a caller. While Redis cannot be reached, or if it
 * does not respond in time, commands fail at once. Reconnects by itself, at most once a second
 * if Redis accepts no writes. Logs once that Redis failed, and once that it is back. Never logs
 * the URL, which may contain a password.
 *
 * @param commandTimeout in milliseconds
 */
export function connectRedis(
  url: string,
  logger: FastifyBaseLogger,
  commandTimeout = redisTimeout,
): Redis {
  let reconnectedAt = -Infinity
  const options: RedisOptions = {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout,
    connectTimeout: 2000,
    retryStrategy: (times) => Math.min(times * 100, 1000),
    // This connection would stay with the former primary. The address may lead to the new one.
    reconnectOnError: (error) => {
      const now = performance.now()
      if (!isDemoted(error) || now - reconnectedAt < reconnectMilliseconds) return false
      reconnectedAt = now
      return true
    },
  }
  const sentinels = sentinelOptions(url)
  const redis = sentinels
    ? new WatchedRedis({ ...options, ...sentinels })
    : new WatchedRedis(url, options)
  let isAway = false
  let mayWrite = true
  redis.onResponse = (command) => {
    // A replica still responds to commands that write nothing. Scripts write.
    mayWrite ||= /^eval(sha)?$/.test(command)
    if (isAway && mayWrite) logger.info('Redis is back: rate limits are shared again')
    isAway &&= !mayWrite
  }
  redis.onFailure = (error) => {
    if (isDemoted(error)) mayWrite = false
    if (!isAway)
      logger.warn(
        { reason: reasonOf(error) },
        'Redis cannot be used: until it is back, rate limits count in this process alone',
      )
    isAway = true
    // Every later command would wait as long. Disconnected, the client rejects commands at once
    // until Redis responds again.
    if (error.message === 'Command timed out') redis.disconnect(true)
  }
  redis.on('error', redis.onFailure)
  return redis
}

/** Returns the options for Redis behind Sentinel; null if the URL is of Redis itself. */
function sentinelOptions(url: string): RedisOptions | null {
  const parsed = readSentinelUrl(url)
  if (parsed === null) return null
  const { isEncrypted, ...options } = parsed
  return {
    ...options,
    ...(isEncrypted && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
    sentinelCommandTimeout: 1000,
    sentinelRetryStrategy: (times) => Math.min(times * 100, 1000),
  }
}

class WatchedRedis extends Redis {
  onResponse!: (command: string) => void
  onFailure!: (error: Error) => void

  override sendCommand(command: Command, ...rest: never[]): unknown {
    // Ignore two harmless errors. Older versions of Redis do not know the `client` command. A
    // script that Redis does not know yet is sent again as a whole.
    if (command.name !== 'client')
      command.promise.then(
        () => {
          this.onResponse(command.name)
        },
        (error: Error) => {
          if (!error.message.startsWith('NOSCRIPT')) this.onFailure(error)
        },
      )
    return super.sendCommand(command, ...rest)
  }
}

// A primary that has become a replica, or a replica without its primary. Before version 7, Redis
// names the error of a script in the middle of the message.
const demoted = /\b(READONLY|MASTERDOWN)\b/

function isDemoted({ message }: Error): boolean {
  return demoted.test(message)
}

/**
 * Reasons in place of a message of the client: it says "All sentinels are unreachable" also if
 * they respond.
 */
const sentinelReasons: Array<[message: RegExp, reason: string]> = [
  [/^All sentinels.*No such master/s, 'the sentinels know no primary with the name in REDIS_URL'],
  [/^All sentinels.*(NOAUTH|WRONGPASS)/s, 'the sentinels want another sentinel_password'],
  [/^All sentinels/, 'no sentinel can be reached'],
]

// The system's error code, or the first word of Redis's message, such as WRONGPASS or OOM. The rest
// may quote the command.
function reasonOf(error: Error): string {
  const [, known] = sentinelReasons.find(([message]) => message.test(error.message)) ?? []
  if (known !== undefined) return known
  const [word] = demoted.exec(error.message) ?? []
  if (word !== undefined) return word
  return (error as NodeJS.ErrnoException).code ?? String(error.message.split(' ')[0])
}
