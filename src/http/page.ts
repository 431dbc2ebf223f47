import { createHash } from 'node:crypto'
import type { App } from './app.js'

/**
 * A small page for the link in a mail. `main` is HTML of ours with a button, and a form around it where there is something to fill in: its inputs are sent beside the token, by their ids.
 * `done` has what to say to each status that ends it.
 */
export interface Page { path: string, title: string, main: string, done: Record<number, string> }

const style = `:root{color-scheme:light dark}
body{margin:0;padding:2rem 1rem;font:1rem/1.5 system-ui,sans-serif}
main{max-width:26rem;margin:0 auto}
label{display:block;margin:1rem 0 .25rem}
input,button{box-sizing:border-box;width:100%;padding:.75rem;font:inherit;border-radius:.375rem;border:1px solid #767676}
button{margin-top:1rem;border:0;background:#1f4ed8;color:#fff;cursor:pointer}
button:disabled{opacity:.6;cursor:default}
:focus-visible{outline:3px solid #1f4ed8;outline-offset:2px}
[role=status]{margin-top:1rem}`

// The token leaves the address bar, and with it the history, before anything else happens. It was in the fragment, which is sent to no server.
const script = (done: Page['done']) => `const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? ''
history.replaceState(null, '', location.pathname)
const done = ${JSON.stringify(done)}
const button = document.querySelector('button')
const form = document.querySelector('form')
const say = (text) => { document.querySelector('[role=status]').textContent = text }
const end = (text) => { (form ?? button).hidden = true; say(text) }
const send = async () => {
  const inputs = Array.from(document.querySelectorAll('input'), ({ id, value }) => [id, value])
  try {
    const reply = await fetch(location.pathname, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token, ...Object.fromEntries(inputs) }) })
    return { status: reply.status, ...(reply.headers.get('content-type') ?? '').includes('json') ? await reply.json() : {} }
  } catch {
    return { status: 0, detail: 'The server cannot be reached. Please try again.' }
  }
}
const use = async (event) => {
  event.preventDefault()
  button.disabled = true
  say('One moment…')
  const { status, code, title, detail } = await send()
  button.disabled = false
  if (status in done) end(done[status])
  else if (code === 'invalid_one_time_token') end(title + '. ' + detail)
  else say(detail ?? 'Something went wrong. Please try again.')
}
if (token === '') end('This link is incomplete. Open the link of the mail as a whole.')
if (form === null) button.addEventListener('click', use)
else form.addEventListener('submit', use)
`

/**
 * Serves a page that uses the JSON route of the same path. Looking at it changes nothing, for mail scanners open links; nothing but the page itself may run or be loaded.
 */
export function pageRoute (app: App, { path, title, main, done }: Page): void {
  const code = script(done)
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title><style>${style}</style></head>
<body><main><h1>${title}</h1>${main}<p role="status"></p><noscript><p>This page needs JavaScript.</p></noscript></main><script type="module">${code}</script></body>
</html>
`
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  const policy = `default-src 'none';script-src ${hash(code)};style-src ${hash(style)};connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'`
  app.get(path, { config: { public: true }, schema: { hide: true } }, async (_request, reply) => await reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(html))
}
