import type { FastifyBaseLogger } from 'fastify'
import { type Command, Redis } from 'ioredis'

/** The longest that a request waits for Redis, in milliseconds. */
export const redisPatience = 200

/**
 * A connection to Redis that never keeps a caller waiting: while it is away or does not answer
 * within {@link redisPatience}, commands fail at once. It comes back by itself. That it went
 * away is logged once, and that it came back. The URL, which may have a password in it, is not
 * shown.
 */
export function connectRedis(url: string, logger: FastifyBaseLogger): Redis {
  const redis = new WatchedRedis(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: redisPatience,
    connectTimeout: 2000,
    retryStrategy: (times) => Math.min(times * 100, 1000),
  })
  let isAway = false
  redis.onAnswer = () => {
    if (isAway) logger.info('Redis is back: rate limits are shared again')
    isAway = false
  }
  redis.onFailure = (error) => {
    if (!isAway)
      logger.warn(
        { reason: reasonOf(error) },
        'Redis cannot be used: rate limits count in this process alone until it can',
      )
    isAway = true
    // Whatever else is sent to it would wait as long. Until it answers again the connection is not
    // ready, and what is not ready is not asked.
    if (error.message === 'Command timed out') redis.disconnect(true)
  }
  redis.on('error', redis.onFailure)
  return redis
}

class WatchedRedis extends Redis {
  onAnswer!: () => void
  onFailure!: (error: Error) => void

  override sendCommand(command: Command, ...rest: never[]): unknown {
    // What the library tells of itself, older versions of Redis do not know; and a script that
    // Redis does not know yet is sent a second time, whole.
    if (command.name !== 'client')
      command.promise.then(this.onAnswer, (error: Error) => {
        if (!error.message.startsWith('NOSCRIPT')) this.onFailure(error)
      })
    return super.sendCommand(command, ...rest)
  }
}

// The code of the system, or the first word of what Redis says, such as WRONGPASS or OOM; the rest
// may quote what was sent.
function reasonOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? String(error.message.split(' ')[0])
}
