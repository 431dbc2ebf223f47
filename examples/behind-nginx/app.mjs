// A small app behind nginx. It has no login of its own: nginx names the person in a header.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

const { PORT = '4000', ORIGIN = 'http://localhost:8080' } = process.env

/** The notes by account. A real app has a database with the same id as a column. */
const notes = new Map()

/** Returns the id of the account, or undefined. Empty headers and missing ones are the same. */
const subjectOf = (request) => request.headers['x-latchkey-subject'] || undefined

/** Returns the roles of the account. "sub-editor" contains "editor": compare whole names. */
const rolesOf = (request) => (request.headers['x-latchkey-roles'] ?? '').split(',')

/** Browsers add cookies to requests of every page. A write must come from a page of this app. */
function isFromThisSite({ headers }) {
  const { origin = 'null', 'sec-fetch-site': site } = headers
  return origin === 'null' ? site === 'same-origin' || site === 'none' : origin === ORIGIN
}

async function respond(request) {
  const { method, headers } = request
  const { pathname } = new URL(request.url, ORIGIN)
  const subject = subjectOf(request)

  if (pathname === '/about') return page(200, `<p>Everybody may read this.</p>`)
  // nginx lets nobody through without a header. A mistake in its configuration must not show.
  if (subject === undefined) return page(403, '<p>This app must be behind nginx.</p>')
  if (!['GET', 'HEAD'].includes(method) && !isFromThisSite(request))
    return page(403, '<p>This request comes from another site.</p>')

  if (/^\/editors(\/|$)/.test(pathname))
    return rolesOf(request).includes('editor')
      ? page(200, '<p>Only editors may read this.</p>')
      : page(403, '<p>This page is for editors.</p>')

  if (pathname === '/api/me')
    return { code: 200, type: 'application/json', body: JSON.stringify({ subject }) }
  if (pathname === '/notes' && method === 'POST') {
    notes.set(subject, new URLSearchParams(await text(request)).get('note') ?? '')
    return { code: 303, location: '/notes' }
  }
  if (pathname === '/notes') {
    const query = new URL(request.url, ORIGIN).search
    return page(
      200,
      `<p>Account <b>${escape(subject)}</b></p>
      <p>Query <code>${escape(query)}</code></p>
      <p>Cookies <code>${escape(headers.cookie ?? 'none')}</code></p>
      <form method="post"><input name="note" value="${escape(notes.get(subject) ?? '')}">
      <button>Save</button></form>
      <p><a href="/members/">Log out there</a></p>`,
    )
  }
  return page(404, '<p>There is no such page.</p>')
}

function page(code, body) {
  const head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Notes</title>'
  return { code, type: 'text/html; charset=utf-8', body: `${head}<h1>Notes</h1>${body}` }
}

function escape(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const server = createServer((request, reply) => {
  respond(request)
    .catch(() => page(500, '<p>That did not work.</p>'))
    .then(({ code, type = 'text/plain', location, body = '' }) => {
      reply.writeHead(code, {
        'content-type': type,
        // The back button must not show a page after the logout.
        'cache-control': 'private, no-store',
        ...(location && { location }),
      })
      reply.end(body)
    })
})
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`The app listens on 127.0.0.1:${PORT}.`)
})
