import { Type } from 'typebox'
import { exampleUser } from '../../account/user.js'
import {
  extraSeconds,
  hashOfSubject,
  maxAccessTokenSeconds,
  maxVersions,
} from '../../account/revocation-feed.js'
import type { App } from '../../http/fastify.js'
import { NoQuery } from '../../http/schemas.js'
import type { Services } from '../../services.js'
import { matchesEntityTag } from './if-none-match.js'

const Revocations = Type.Object(
  {
    as_of: Type.String({
      format: 'date-time',
      description: 'The time of this list: changes up to then are in it',
    }),
    window_seconds: Type.Integer({
      format: 'int32',
      minimum: 120,
      maximum: maxAccessTokenSeconds + extraSeconds,
      description:
        'How long a version stays listed: until every token of the former version has expired. In the first two hours of a server it is the maximum, because tokens from before may live longer',
    }),
    versions: Type.Record(
      Type.String({ pattern: '^[\\w-]{22}$' }),
      Type.Integer({ format: 'int32', minimum: 0, maximum: 2 ** 31 - 1 }),
      {
        description:
          'The present versions, by the first 22 characters of the base64url SHA-256 of `sub`',
        maxProperties: maxVersions,
      },
    ),
    truncated: Type.Optional(
      Type.Literal(true, { description: `More than ${maxVersions} versions changed: the newest` }),
    ),
  },
  {
    examples: [
      {
        as_of: '2026-01-02T03:04:05.000Z',
        window_seconds: 660,
        versions: { [hashOfSubject(exampleUser.id)]: 3 },
      },
    ],
  },
)

const headers = {
  ETag: { type: 'string', description: 'A weak entity tag, which changes with the versions alone' },
  'X-Latchkey-As-Of': { type: 'string', description: '`as_of`, also of a 304' },
}

/** Serves the versions that changed lately, for services that verify tokens by themselves. */
export function revocationsRoute(app: App, { revocations }: Services): void {
  app.get(
    '/revocations',
    {
      config: { public: true, problems: ['unavailable'] },
      // Each service asks every two seconds.
      logLevel: 'warn',
      schema: {
        operationId: 'readRevocations',
        summary: 'The accounts and clients whose tokens were ended lately',
        description:
          'For services that verify tokens by themselves: a token whose `ver` (0 if absent) is below the listed version is not valid any more. Ask every two seconds with `If-None-Match`. While the database is away, the list is up to ten seconds old, then it is 503.',
        tags: ['Tokens'],
        querystring: NoQuery,
        response: {
          200: {
            description: 'The versions',
            headers,
            content: { 'application/json': { schema: Type.Unsafe<Buffer>(Revocations) } },
          },
          304: Type.Null({ description: 'The versions of `If-None-Match` are the present ones' }),
        },
      },
    },
    async (request, reply) => {
      const { asOf, etag, body } = await revocations.read()
      reply.headers({
        'cache-control': 'max-age=2',
        etag,
        'x-latchkey-as-of': new Date(asOf).toISOString(),
      })
      if (matchesEntityTag(request.headers['if-none-match'], etag))
        // Null would be written as text, with a length that clients wait for (RFC 9110 §8.6).
        return await reply.code(304).send(undefined as unknown as null)
      return await reply.type('application/json; charset=utf-8').send(body)
    },
  )
}
