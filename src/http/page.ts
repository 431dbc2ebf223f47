import type { App } from './fastify.js'
import { renderHtml } from './html.js'

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
}

/** A form that asks for an e-mail address. A browser must not judge or rewrite the address. */
export const emailForm =
  '<form><label for="email">E-mail address</label>' +
  '<input id="email" inputmode="email" autocomplete="email" autocapitalize="none" spellcheck="false" required maxlength="320">' +
  '<button>Send the mail</button></form>'

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
// the fragment, so the browser would neither load the page nor remove the token.
const script = ({
  path,
  steps,
  again,
}: Page) => `let token = ${again === undefined ? 'undefined' : "new URLSearchParams(location.hash.slice(1)).get('token') ?? ''"}
history.replaceState(null, '', location.origin + location.pathname.replace(/\\/+$/, ''))
addEventListener('hashchange', () => { location.reload() })
const segments = location.pathname.split('/').filter((segment) => segment !== '')
const prefix = segments.slice(0, -${path.split('/').length - 1}).map((segment) => '/' + segment).join('')
const steps = ${JSON.stringify(steps.map(({ action, done, nextToken }) => ({ action, done, nextToken })))}
const sections = document.querySelectorAll('section')
const say = (text) => { document.querySelector('[role=status]').textContent = text }
const giveUp = (text) => {
  show(-1)
  say(text)
  document.querySelector('#again').hidden = false
}
const send = async (action, section) => {
  const inputs = Array.from(section.querySelectorAll('input'), ({ id, value }) => [id, value])
  try {
    const reply = await fetch(prefix + action, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token, ...Object.fromEntries(inputs) }) })
    return { status: reply.status, ...(reply.headers.get('content-type') ?? '').includes('json') ? await reply.json() : {} }
  } catch {
    return { status: 0, detail: 'The server cannot be reached. Please try again.' }
  }
}
const show = (index) => {
  sections.forEach((section, other) => { section.hidden = other !== index })
  sections[index]?.querySelector('input')?.focus()
}
const start = (section, index) => {
  const { action, done, nextToken } = steps[index]
  const button = section.querySelector('button')
  const use = async (event) => {
    event.preventDefault()
    button.disabled = true
    say('One moment…')
    const { status, code, title, detail, errors, ...reply } = await send(action, section)
    button.disabled = false
    if (status in done) {
      token = reply[nextToken]
      show(token === undefined ? -1 : index + 1)
      say(done[status])
    } else if (code === 'invalid_one_time_token') {
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
  const { html, policy } = renderHtml({
    title: page.title,
    main: `${sections}<p role="status"></p><p id="again" hidden>${page.again ?? ''}</p><noscript><p>This page needs JavaScript.</p></noscript>`,
    script: script(page),
  })
  return (app) => {
    app.get(
      page.path,
      { config: { public: true }, schema: { hide: true } },
      async (_request, reply) =>
        await reply
          .header('content-security-policy', policy)
          .type('text/html; charset=utf-8')
          .send(html),
    )
  }
}
