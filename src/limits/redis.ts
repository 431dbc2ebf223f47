import type { FastifyBaseLogger } from 'fastify'
import { type Command, Redis } from 'ioredis'

/** The max time that a request waits for Redis, in milliseconds. */
export const redisTimeout = 200

/**
 * Connects to Redis without ever delaying a caller. While Redis cannot be reached, or if it
 * does not respond within {@link redisTimeout}, commands fail at once. Reconnects by itself.
 * Logs once that Redis failed, and once that it is back. Never logs the URL, which may contain
 * a password.
 */
export function connectRedis(url: string, logger: FastifyBaseLogger): Redis {
  const redis = new WatchedRedis(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: redisTimeout,
    connectTimeout: 2000,
    retryStrategy: (times) => Math.min(times * 100, 1000),
  })
  let isAway = false
  redis.onResponse = () => {
    if (isAway) logger.info('Redis is back: rate limits are shared again')
    isAway = false
  }
  redis.onFailure = (error) => {
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

class WatchedRedis extends Redis {
  onResponse!: () => void
  onFailure!: (error: Error) => void

  override sendCommand(command: Command, ...rest: never[]): unknown {
    // Ignore two harmless errors. Older versions of Redis do not know the `client` command. A
    // script that Redis does not know yet is sent again as a whole.
    if (command.name !== 'client')
      command.promise.then(this.onResponse, (error: Error) => {
        if (!error.message.startsWith('NOSCRIPT')) this.onFailure(error)
      })
    return super.sendCommand(command, ...rest)
  }
}

// The system's error code, or the first word of Redis's message, such as WRONGPASS or OOM. The rest
// may quote the command.
function reasonOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? String(error.message.split(' ')[0])
}
