import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from './fastify.js'
import { sendHtml } from './html.js'
import { sendBadLinkPage } from './problem-page.js'

/** A step of a page, which calls a JSON route. */
export interface Step {
  /** The path of the JSON route, without the path of PUBLIC_URL. */
  action: string
  /**
   * Trusted HTML with a button, in a form if there are inputs. The inputs are sent with the
   * token, by their ids.
   */
  main: string
  /** The text for each status that ends the step. */
  done: Record<number, string>
  /** The member of the reply with the token of the next step. */
  nextToken?: string
  /** Whether 200 and 201 log the person in, with cookies. Then the next page is shown. */
  logsIn?: boolean
  /** Texts for problem codes, where the text of the problem is for programmers. */
  refused?: Record<string, string>
}

/** The parts of a page that depend on the request. All of them are trusted HTML. */
export interface Opened {
  /** Above the form. */
  before: string
  /** Below the form. */
  after: string
  /** The link to the next page, shown after a login. With `data-go`, the script follows it. */
  next: string
}

/** A small page: for the link in a mail, or a form. */
export interface Page {
  path: string
  title: string
  steps: Step[]
  /**
   * Trusted HTML for a link that is no longer valid: where a new one comes from. A page without
   * it is a form, which needs no link.
   */
  again?: string
  /** For a page that depends on the request. */
  opening?: Opening
}

/** How a page is opened. */
export interface Opening {
  /** Returns the parts of the page. It may refuse the request. */
  open: (request: FastifyRequest, reply: FastifyReply) => Opened
  /** The URL of the page to log in, for a person whose link is refused. */
  loginUrl: string
}

/** A form that asks for an e-mail address. A browser must not judge or rewrite the address. */
export const emailForm =
  '<form><label for="email">E-mail address</label>' +
  '<input id="email" inputmode="email" autocomplete="email" autocapitalize="none" spellcheck="false" required maxlength="320">' +
  '<button>Send the mail</button></form>'

/**
 * Returns a form for e-mail address and password. Password managers know the fields by
 * `autocomplete`.
 */
export function credentialsForm(autocomplete: 'current-password' | 'new-password', button: string) {
  return (
    '<form><label for="email">E-mail address</label>' +
    '<input id="email" inputmode="email" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="320">' +
    '<label for="password">Password</label>' +
    `<input id="password" type="password" autocomplete="${autocomplete}" required maxlength="512">` +
    `<button>${button}</button></form>`
  )
}

/** A step that sets a new password with a reset token. */
export const newPasswordStep: Step = {
  action: '/password/reset',
  main:
    '<form><label for="new_password">New password</label>' +
    '<input id="new_password" type="password" autocomplete="new-password" required maxlength="512">' +
    '<button>Set password</button></form>',
  done: {
    204: 'Your password has been changed, and you have been logged out everywhere. Log in with the new password.',
  },
}

// Remove the token from the address bar and the history first. It was in the fragment, which
// browsers never send to a server. Without a slash at the end, relative links lead to the same
// place from every spelling of the path. A newer link that is opened in the same tab changes only
// the fragment, so the browser would neither load the page nor remove the token. A hosted page has
// no token, and keeps its query: a reload must not forget the next page.
const script = ({
  path,
  steps,
  again,
  opening,
}: Page) => `let token = ${again === undefined ? 'undefined' : "new URLSearchParams(location.hash.slice(1)).get('token') ?? ''"}
history.replaceState(null, '', location.origin + location.pathname.replace(/\\/+$/, '')${opening === undefined ? '' : ' + location.search'})
addEventListener('hashchange', () => { location.reload() })
const segments = location.pathname.split('/').filter((segment) => segment !== '')
const prefix = segments.slice(0, -${path.split('/').length - 1}).map((segment) => '/' + segment).join('')
const steps = ${JSON.stringify(steps.map(({ main: _main, ...step }) => step))}
const sections = document.querySelectorAll('section')
const say = (text) => { document.querySelector('[role=status]').textContent = text }
const giveUp = (text) => {
  show(-1)
  say(text)
  document.querySelector('#again').hidden = false
}
const goOn = () => {
  const next = document.querySelector('#next')
  next.hidden = false
  document.querySelector('#after').hidden = true
  const link = next.querySelector('a')
  link?.focus()
  if (link?.dataset.go === '') location.replace(link.href)
}
const send = async ({ action, logsIn }, section) => {
  const inputs = Array.from(section.querySelectorAll('input'), ({ id, value }) => [id, value])
  try {
    const reply = await fetch(prefix + action, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token, ...logsIn && { transport: 'cookie' }, ...Object.fromEntries(inputs) }) })
    return { ...(reply.headers.get('content-type') ?? '').includes('json') ? await reply.json() : {}, status: reply.status }
  } catch {
    return { status: 0, detail: 'The server cannot be reached. Please try again.' }
  }
}
const show = (index) => {
  sections.forEach((section, other) => { section.hidden = other !== index })
  sections[index]?.querySelector('input')?.focus()
}
const start = (section, index) => {
  const { done, nextToken, logsIn, refused = {} } = steps[index]
  const button = section.querySelector('button')
  const use = async (event) => {
    event.preventDefault()
    const focused = document.activeElement
    button.disabled = true
    say('One moment…')
    const { status, code, title, detail, errors, ...reply } = await send(steps[index], section)
    button.disabled = false
    focused.focus()
    if (status in done) {
      token = reply[nextToken]
      show(token === undefined ? -1 : index + 1)
      say(done[status])
      if (logsIn && status !== 202) goOn()
    } else if (code in refused) say(refused[code])
    else if (code === 'invalid_one_time_token') {
      giveUp(title + '. Each link works once and for a limited time.')
    } else if (code === 'invalid_request') say('Check what you have entered: it ' + errors[0].detail + '.')
    else if (status === 429 || status === 503) say(title + '. Please try again later.')
    else say(detail ?? 'Something went wrong. Please try again.')
  }
  const form = section.querySelector('form')
  if (form === null) button.addEventListener('click', use)
  else form.addEventListener('submit', use)
}
sections.forEach(start)
show(0)
if (token === '') giveUp('This link is incomplete. Open the complete link from the mail.')
`

/**
 * Creates a route for a page that calls JSON routes. Opening the page changes nothing: mail
 * scanners open links too. The page may run and load only its own content.
 */
export function createPage(page: Page): (app: App) => void {
  const sections = page.steps
    .map((step, index) => `<section${index === 0 ? '' : ' hidden'}>${step.main}</section>`)
    .join('')
  const noscript =
    page.steps.length > 0 ? '<noscript><p>This page needs JavaScript.</p></noscript>' : ''
  const runs = script(page)
  return (app) => {
    app.get(
      page.path,
      { config: { public: true }, schema: { hide: true } },
      async (request, reply) => {
        let opened = nothing
        if (page.opening !== undefined)
          try {
            opened = page.opening.open(request, reply)
          } catch (error) {
            return await sendBadLinkPage(error, request, reply, page.opening.loginUrl)
          }
        const { before, after, next } = opened
        await sendHtml(reply, {
          title: page.title,
          main: `${before}${sections}<p role="status"></p><p id="again" hidden>${page.again ?? ''}</p><p id="next" hidden>${next}</p><div id="after">${after}</div>${noscript}`,
          script: runs,
        })
      },
    )
  }
}

const nothing: Opened = { before: '', after: '', next: '' }
