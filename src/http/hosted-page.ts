import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'
import { escapeHtml } from './html.js'
import { createPage, type Opening, type Page } from './page.js'
import type { App } from './fastify.js'
import { wantsPage } from './problem-page.js'
import type { ReturnTo } from './return-to.js'

/** A page that people use without a front end: to log in, to sign up, to get a mail. */
export interface HostedPage extends Omit<Page, 'opening'> {
  /** Trusted HTML above the form. */
  intro?: string
  /** Refuses clients that want no page. */
  requireReader: (request: FastifyRequest, reply: FastifyReply) => void
  /** The texts of links to other pages, by their relative URLs. They keep `return_to`. */
  links: Record<string, string>
  /** The texts for values of the query parameter `reason`. */
  reasons?: Record<string, string>
}

/** The dependencies of {@link createHostedPage}. */
export interface HostedPageDeps {
  returnTo: ReturnTo
  config: { APP_URL: string; PUBLIC_URL: string }
}

/**
 * Creates a page that honours `return_to`. The server checks it when the page is opened, and
 * the script goes there after a login. Without it, a link leads to APP_URL, if that is another
 * place.
 */
export function createHostedPage(
  { intro = '', requireReader, links, reasons = {}, ...page }: HostedPage,
  { returnTo, config }: HostedPageDeps,
): (app: App) => void {
  const application = config.APP_URL === config.PUBLIC_URL ? null : config.APP_URL
  const open: Opening['open'] = (request, reply) => {
    reply.header('vary', 'accept')
    requireReader(request, reply)
    const target = returnTo.find(request)
    const query = target === null ? '' : `?return_to=${encodeURIComponent(target)}`
    const reason = new URLSearchParams(request.url.replace(/^[^?]*/, '')).get('reason') ?? ''
    const notice = Object.hasOwn(reasons, reason) ? `<p role="alert">${reasons[reason]}</p>` : ''
    return {
      before: intro + notice,
      after: Object.entries(links)
        .map(([url, text]) => `<p><a href="${url}${query}">${text}</a></p>`)
        .join(''),
      next: nextLink(target, application),
    }
  }
  const loginUrl = `${config.PUBLIC_URL}/login`
  return createPage({ ...page, opening: { open, loginUrl } })
}

// The script follows a link with data-go by itself.
function nextLink(target: string | null, application: string | null): string {
  if (target !== null) return `<a data-go href="${escapeHtml(target)}">Continue</a>`
  return application === null
    ? ''
    : `<a href="${escapeHtml(application)}">Go to the application</a>`
}

/**
 * Requires a client that asks for HTML, as browsers do. For all others the path has no GET.
 *
 * @throws Problem `method_not_allowed`
 */
export function requireBrowser(request: FastifyRequest, reply: FastifyReply): void {
  if (!wantsPage(request)) refuse(reply)
}

/**
 * Requires a client that can use HTML, even if it does not say so.
 *
 * @throws Problem `method_not_allowed` for a client of JSON
 */
export function refuseJsonClient(request: FastifyRequest, reply: FastifyReply): void {
  const accepts = request.accepts()
  if (accepts.type(['html']) !== 'html' && accepts.type(['json']) === 'json') refuse(reply)
}

function refuse(reply: FastifyReply): never {
  reply.header('allow', 'POST')
  throw new Problem('method_not_allowed')
}
