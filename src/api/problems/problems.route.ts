import { Type } from 'typebox'
import { Problem, type ProblemCode, problemKinds } from '../../errors.js'
import type { App } from '../../http/fastify.js'

const page = { schema: Type.String() }

/** Explains each problem code at the URL in its `type`. */
export function problemsRoute(app: App): void {
  app.get(
    '/problems/:code',
    {
      config: { public: true, problems: ['not_found'] },
      schema: {
        operationId: 'explainProblem',
        summary: 'Explain a problem code',
        tags: ['Operation'],
        params: Type.Object({
          code: Type.String({ description: 'A problem code', examples: ['invalid_token'] }),
        }),
        response: {
          200: {
            description: 'The explanation, as HTML for a browser',
            content: { 'text/plain': page, 'text/html': page },
          },
        },
      },
    },
    async (request, reply) => {
      const { code } = request.params
      if (!Object.hasOwn(problemKinds, code)) throw new Problem('not_found')
      const { status, title, advice } = problemKinds[code as ProblemCode]
      reply.headers({ vary: 'accept', 'cache-control': 'public, max-age=3600' })
      if (request.accepts().type(['text', 'html']) !== 'html')
        return await reply
          .type('text/plain; charset=utf-8')
          .send(`${code} (HTTP ${status})\n${title}.\n\n${advice}\n`)
      return await reply.type('text/html; charset=utf-8').send(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${code}</title>
<h1>${title}</h1>
<p><code>${code}</code>, HTTP status ${status}</p>
<p>${escapeHtml(advice)}</p>
</html>
`)
    },
  )
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
