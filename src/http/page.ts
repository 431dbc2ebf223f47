import { createHash } from 'node:crypto'
import type { App } from './app.js'

/** A small page for the link in a mail. `main` is HTML of ours; `script` is a module that finds the token of the link in `token`. */
export interface Page { path: string, title: string, main: string, script: string }

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
const prelude = `const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? ''
history.replaceState(null, '', location.pathname)
const say = (text) => { document.querySelector('[role=status]').textContent = text }
const send = async (body) => {
  try {
    const reply = await fetch(location.pathname, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token, ...body }) })
    return { status: reply.status, ...(reply.headers.get('content-type') ?? '').includes('json') ? await reply.json() : {} }
  } catch {
    return { status: 0 }
  }
}
const unknown = ({ status, detail }) => status === 0 ? 'The server cannot be reached. Please try again.' : detail ?? 'Something went wrong. Please try again.'
`

/**
 * Serves a page that uses the JSON route of the same path. Looking at it changes nothing, for mail scanners open links; nothing but the page itself may run or be loaded.
 */
export function pageRoute (app: App, { path, title, main, script }: Page): void {
  const code = `${prelude}${script}`
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
