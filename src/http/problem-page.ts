import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'
import { escapeHtml, sendHtml } from './html.js'
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

/** Returns whether a client asks for HTML, as browsers do. All others get documents. */
export function wantsPage(request: FastifyRequest): boolean {
  return request.accepts().type(['json', 'html']) === 'html'
}

/**
 * Tells a person that the link to this page is wrong. Nothing of the link is shown: an attacker
 * may have written it.
 *
 * @param next where the person can go on: a URL for `href`
 * @throws the error, if it names no invalid member, or the client does not ask for HTML
 */
export async function sendBadLinkPage(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  next: string,
): Promise<void> {
  if (!(error instanceof Problem) || error.extras.errors === undefined) throw error
  reply.header('vary', 'accept')
  if (!wantsPage(request)) throw error
  reportProblem(error, request, reply)
  const faults = error.extras.errors.map(
    ({ pointer, detail }) => `<code>${escapeHtml(pointer)}</code> ${escapeHtml(detail)}.`,
  )
  await sendHtml(reply, {
    title: 'This link does not work',
    main: `<p>The link that brought you here is wrong. You are logged in or out as before.</p><p><a href="${escapeHtml(next)}">Log in</a>, or go back to the application.</p><p>For the people who run the application: ${faults.join(' ')}</p><p>Request <code>${request.id}</code></p>`,
  })
}
