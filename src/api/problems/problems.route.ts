import { Type } from 'typebox'
import { Problem, type ProblemCode, type ProblemKind, problemKinds } from '../../errors.js'
import type { App } from '../../http/fastify.js'
import { prefixOf } from '../../http/prefix.js'
import { escapeHtml, sendPage } from '../../http/html.js'
import type { Services } from '../../services.js'

/** The pages where a person can do what the advice of a code says. */
const waysOn: Partial<Record<ProblemCode, Record<string, string>>> = {
  invalid_one_time_token: {
    '/password/forgot': 'Ask for a mail to choose a new password',
    '/email/resend': 'Ask for the mail to verify your e-mail address',
  },
  email_unverified: { '/email/resend': 'Ask for the mail to verify your e-mail address' },
}

const codes = Object.keys(problemKinds) as ProblemCode[]

/** Lists every problem code. */
export function listProblemsRoute(app: App, { config }: Services): void {
  const base = prefixOf(config.PUBLIC_URL)
  const lines = codes.map(
    (code) => `${code} (HTTP ${statusesOf(code)}): ${problemKinds[code].title}\n`,
  )
  const items = codes.map(
    (code) =>
      `<li>${link(`${base}/problems/${code}`, `<code>${code}</code>`)} ${statusesOf(code)}: ${problemKinds[code].title}</li>`,
  )
  app.get(
    '/problems',
    {
      config: { public: true },
      schema: {
        operationId: 'listProblems',
        summary: 'List every problem code',
        description: 'HTML for a browser, else plain text with a line for each code.',
        tags: ['Operation'],
        response: { 200: page('Every code with its HTTP status and its title', String(lines[0])) },
      },
    },
    async (request, reply) =>
      await sendPage(request, reply, {
        text: lines.join(''),
        title: 'Problem codes',
        main: `<ul>${items.join('')}</ul>`,
      }),
  )
}

/** Explains each problem code at the URL in its `type`. */
export function problemsRoute(app: App, { config }: Services): void {
  const base = prefixOf(config.PUBLIC_URL)
  app.get(
    '/problems/:code',
    {
      config: { public: true, problems: ['not_found'] },
      schema: {
        operationId: 'explainProblem',
        summary: 'Explain a problem code',
        description: 'The `type` of every problem leads here. HTML for a browser, else plain text.',
        tags: ['Operation'],
        params: Type.Object({
          code: Type.String({ description: 'A problem code', examples: ['invalid_token'] }),
        }),
        response: { 200: page('The explanation', explain('invalid_token')) },
      },
    },
    async (request, reply) => {
      if (!Object.hasOwn(problemKinds, request.params.code)) throw new Problem('not_found')
      const code = request.params.code as ProblemCode
      const { title, advice } = problemKinds[code]
      const links = Object.entries({ ...waysOn[code], '/problems': 'All problem codes' })
      return await sendPage(request, reply, {
        text: explain(code),
        title,
        main: [
          `<code>${code}</code>, HTTP status ${statusesOf(code)}`,
          escapeHtml(advice),
          ...links.map(([path, text]) => link(`${base}${path}`, text)),
        ]
          .map((paragraph) => `<p>${paragraph}</p>`)
          .join('\n'),
      })
    },
  )
}

// The schema of a reply with a page, and its text as an example.
function page(description: string, text: string) {
  return {
    description,
    content: {
      'text/plain': { schema: Type.String({ examples: [text] }) },
      'text/html': {
        schema: Type.String({ examples: ['<!doctype html>\n<html lang="en">…</html>\n'] }),
      },
    },
  }
}

// Public routes that return tokens have a status of their own.
function statusesOf(code: ProblemCode): string {
  const { status, tokenStatus }: ProblemKind = problemKinds[code]
  return tokenStatus === undefined ? String(status) : `${status} or ${tokenStatus}`
}

function explain(code: ProblemCode): string {
  const { title, advice } = problemKinds[code]
  return `${code} (HTTP ${statusesOf(code)})\n${title}.\n\n${advice}\n`
}

function link(path: string, text: string): string {
  return `<a href="${escapeHtml(path)}">${text}</a>`
}
