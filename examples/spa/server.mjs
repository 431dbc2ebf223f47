// Serves this folder on a port of its own, as the host of a single-page app would. The client is
// bundled at each request, so that a reload shows an edit.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const { PORT = '5173', LATCHKEY_URL = 'http://localhost:3000' } = process.env
const here = new URL('.', import.meta.url)
const api = new URL(LATCHKEY_URL).href.replace(/\/$/, '')

/** The page itself, and the pages that the links of mails lead to: APP_URL and these paths. */
const pages = ['/', '/password/reset', '/email/verify', '/email/change', '/email/undo']

const headers = {
  'cache-control': 'no-store',
  // No inline script or style, nothing from elsewhere, and no text becomes HTML.
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${new URL(api).origin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

const pathOf = (name) => fileURLToPath(new URL(name, here))

const read = async (name) => await readFile(new URL(name, here), 'utf8')

const files = {
  '/app.js': { type: 'text/javascript', load: bundle },
  '/style.css': { type: 'text/css', load: async () => await read('style.css') },
  '/views.css': { type: 'text/css', load: async () => await read('views.css') },
  '/icon.svg': { type: 'image/svg+xml', load: async () => await read('icon.svg') },
}

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [pathOf('app.js')],
    // In a project of your own: npm install latchkey-client. Then remove this line.
    alias: { 'latchkey-client': pathOf('../../client/src/index.ts') },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  })
  return outputFiles[0].text
}

const page = {
  type: 'text/html',
  load: async () => {
    const [html, links, account] = await Promise.all(
      ['index.html', 'links.html', 'account.html'].map(read),
    )
    return html
      .replace('<!-- links.html -->', links)
      .replace('<!-- account.html -->', account)
      .replaceAll('{{api}}', api)
  },
}

const server = createServer(async ({ url }, response) => {
  const pathname = url.replace(/[?#].*/, '')
  const file = pages.includes(pathname) ? page : files[pathname]
  try {
    const text = await file?.load()
    response.writeHead(file ? 200 : 404, {
      ...headers,
      'content-type': `${file?.type ?? 'text/plain'}; charset=utf-8`,
    })
    response.end(text ?? 'Not found\n')
  } catch (error) {
    console.error(error)
    response.writeHead(500, headers).end()
  }
})

server.on('error', ({ message }) => {
  console.error(
    `The example cannot serve: ${message}. Choose another port: PORT=5174 npm run example`,
  )
  process.exitCode = 1
})
server.listen(Number(PORT), 'localhost', () => {
  const origin = `http://localhost:${PORT}`
  console.log(`The example serves ${origin}, and calls Latchkey at ${api}.
Start Latchkey so that it allows this page, and leads the links of mails here:

  CORS_ORIGINS=${origin} APP_URL=${origin} npm start

Another address of Latchkey: LATCHKEY_URL=https://id.example.com npm run example`)
})
