import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** The parts of an HTML page. All of them are trusted HTML. */
export interface Html {
  title: string
  main: string
  /** The text of a module. Without it, the page runs nothing. */
  script?: string
}

/** An HTML page, and its content security policy. */
export interface RenderedHtml {
  html: string
  policy: string
}

const style = `:root{color-scheme:light dark;--accent:#1f4ed8}
@media(prefers-color-scheme:dark){:root{--accent:#8fb0ff}}
body{margin:0;padding:2rem 1rem;font:1rem/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}
main{max-width:26rem;margin:0 auto;overflow-wrap:anywhere}
a{color:var(--accent)}
label{display:block;margin:1rem 0 .25rem}
input,button{box-sizing:border-box;width:100%;padding:.75rem;font:inherit;border-radius:.375rem;border:1px solid #767676}
button{margin-top:1rem;border:0;background:#1f4ed8;color:#fff;cursor:pointer}
button:disabled{opacity:.6;cursor:default}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
[role=status]{margin-top:1rem}`

/**
 * Renders a page for phones and larger screens, light or dark as the system is. The page may
 * run and load only its own content.
 */
export function renderHtml({ title, main, script }: Html): RenderedHtml {
  const module = script === undefined ? '' : `<script type="module">${script}</script>`
  const [scripts, connections] =
    script === undefined ? ['', ''] : [`script-src ${hashOf(script)};`, "connect-src 'self';"]
  return {
    html: `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title><style>${style}</style></head>
<body><main><h1>${title}</h1>${main}</main>${module}</body>
</html>
`,
    policy: `default-src 'none';${scripts}style-src ${hashOf(style)};${connections}base-uri 'none';form-action 'none';frame-ancestors 'none'`,
  }
}

/** Sends a page that seldom changes as HTML to a browser, else as plain text. */
export async function sendPage(
  request: FastifyRequest,
  reply: FastifyReply,
  { text, ...html }: Html & { text: string },
): Promise<void> {
  reply.headers({ vary: 'accept', 'cache-control': 'public, max-age=3600' })
  if (request.accepts().type(['text', 'html']) !== 'html')
    return await reply.type('text/plain; charset=utf-8').send(text)
  return await sendHtml(reply, html)
}

/** Sends an HTML page. */
export async function sendHtml(reply: FastifyReply, page: Html): Promise<void> {
  const { html, policy } = renderHtml(page)
  return await reply
    .header('content-security-policy', policy)
    .type('text/html; charset=utf-8')
    .send(html)
}

/** Returns text for an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
