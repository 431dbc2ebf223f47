import { createHash } from 'node:crypto'
import type { App } from './fastify.js'

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

/** A small page for the link in a mail. */
export interface Page {
  path: string
  title: string
  steps: Step[]
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

const style = `:root{color-scheme:light dark}
body{margin:0;padding:2rem 1rem;font:1rem/1.5 system-ui,sans-serif}
main{max-width:26rem;margin:0 auto}
label{display:block;margin:1rem 0 .25rem}
input,button{box-sizing:border-box;width:100%;padding:.75rem;font:inherit;border-radius:.375rem;border:1px solid #767676}
button{margin-top:1rem;border:0;background:#1f4ed8;color:#fff;cursor:pointer}
button:disabled{opacity:.6;cursor:default}
:focus-visible{outline:3px solid #1f4ed8;outline-offset:2px}
[role=status]{margin-top:1rem}`

// Remove the token from the address bar and the history first. It was in the fragment, which
// browsers never send to a server.
const script = (
  path: string,
  steps: Step[],
) => `let token = new URLSearchParams(location.hash.slice(1)).get('token') ?? ''
history.replaceState(null, '', location.origin + location.pathname)
const segments = location.pathname.split('/').filter((segment) => segment !== '')
const prefix = segments.slice(0, -${path.split('/').length - 1}).map((segment) => '/' + segment).join('')
const steps = ${JSON.stringify(steps.map(({ action, done, nextToken }) => ({ action, done, nextToken })))}
const sections = document.querySelectorAll('section')
const say = (text) => { document.querySelector('[role=status]').textContent = text }
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
    const { status, code, title, detail, ...reply } = await send(action, section)
    button.disabled = false
    if (status in done) {
      token = reply[nextToken]
      show(token === undefined ? -1 : index + 1)
      say(done[status])
    } else if (code === 'invalid_one_time_token') {
      show(-1)
      say(title + '. ' + detail)
    } else say(detail ?? 'Something went wrong. Please try again.')
  }
  const form = section.querySelector('form')
  if (form === null) button.addEventListener('click', use)
  else form.addEventListener('submit', use)
}
sections.forEach(start)
show(token === '' ? -1 : 0)
if (token === '') say('This link is incomplete. Open the complete link from the mail.')
`

/**
 * Creates a route for a page that calls JSON routes. Opening the page changes nothing: mail
 * scanners open links too. The page may run and load only its own content.
 */
export function createPage({ path, title, steps }: Page): (app: App) => void {
  const code = script(path, steps)
  const main = steps
    .map((step, index) => `<section${index === 0 ? '' : ' hidden'}>${step.main}</section>`)
    .join('')
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title><style>${style}</style></head>
<body><main><h1>${title}</h1>${main}<p role="status"></p><noscript><p>This page needs JavaScript.</p></noscript></main><script type="module">${code}</script></body>
</html>
`
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  const policy = `default-src 'none';script-src ${hash(code)};style-src ${hash(style)};connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'`
  return (app) => {
    app.get(
      path,
      { config: { public: true }, schema: { hide: true } },
      async (_request, reply) =>
        await reply
          .header('content-security-policy', policy)
          .type('text/html; charset=utf-8')
          .send(html),
    )
  }
}
