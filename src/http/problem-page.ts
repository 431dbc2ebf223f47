import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendHtml } from './html.js'
import { reportProblem, toProblem } from './problems.js'

/**
 * Sends an error to a person who navigates: a page instead of a document, with the same status
 * and headers. The person can try again.
 */
export async function sendProblemPage(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const problem = toProblem(error)
  reportProblem(problem, request, reply)
  await sendHtml(reply, {
    title: problem.kind.title,
    main: `<p>You are still logged in. Please wait a moment, then <a href="">try again</a>.</p><p>Request <code>${request.id}</code></p>`,
  })
}
