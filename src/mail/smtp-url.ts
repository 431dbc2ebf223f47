import { BlockList, isIP } from 'node:net'

const boolean = /^(true|false)$/
const count = /^[1-9]\d{0,6}$/

/** The supported parameters of an SMTP_URL, each with its valid values. */
const parameters: Record<string, RegExp> = {
  requireTLS: boolean,
  'tls.rejectUnauthorized': boolean,
  'tls.servername': /^[\w.-]+$/,
  name: /^[\w.:[\]-]+$/,
  authMethod: /^[A-Z0-9-]+$/,
  connectionTimeout: count,
  greetingTimeout: count,
  socketTimeout: count,
  maxConnections: /^[1-4]$/,
  maxMessages: count,
}

/**
 * Whether a text is an smtp: or smtps: URL. It may have the parameters that docs/deploy.md
 * lists, each once. Unknown parameters are refused: the SMTP library would silently ignore a
 * mistyped `requireTLS`.
 */
export function isSmtpUrl(text: string): boolean {
  if (!/^smtps?:\/\/[^/]/.test(text) || !URL.canParse(text)) return false
  const { hostname, pathname, hash, searchParams } = new URL(text)
  const names = [...searchParams.keys()]
  return (
    URL.canParse(`http://${hostname}`) &&
    /^\/?$/.test(pathname) &&
    hash === '' &&
    names.length === new Set(names).size &&
    names.every(
      (name) =>
        Object.hasOwn(parameters, name) &&
        parameters[name]?.test(String(searchParams.get(name))) === true,
    )
  )
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * Whether a connection to a host stays on this machine.
 *
 * @param url an smtp: or smtps: URL
 */
export function isLoopback(url: string): boolean {
  // URL does not normalize the host of smtp: URLs, so it may be 127.1 or LOCALHOST. The SMTP
  // library normalizes it in the same way.
  const host = new URL(`http://${new URL(url).hostname}`).hostname
  const address = host.replace(/^\[|\]$/g, '')
  const family = isIP(address)
  return family === 0
    ? host === 'localhost'
    : loopback.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

/** Options for the SMTP library. A parameter of the URL wins over them. */
export interface SmtpOptions {
  requireTLS: boolean
  name?: string
}

/**
 * The default options for an SMTP_URL. TLS is required if a password would travel over a
 * network. The client name in the greeting is the host of PUBLIC_URL (RFC 5321 §4.1.1.1). For a
 * host without a dot or colon, the library chooses the name.
 */
export function smtpOptions(url: string, publicUrl: string): SmtpOptions {
  const requireTLS = hasPassword(url) && !isLoopback(url)
  const { hostname } = new URL(publicUrl)
  const literal = hostname.startsWith('[') ? hostname.replace('[', '[IPv6:') : `[${hostname}]`
  const name = isIP(hostname.replace(/^\[|\]$/g, '')) > 0 ? literal : hostname
  return { requireTLS, ...(name.includes('.') || name.includes(':') ? { name } : {}) }
}

/**
 * Whether mails, and the links in them, may travel over a network without encryption.
 *
 * @param url an SMTP_URL
 */
export function mayBeUnencrypted(url: string): boolean {
  const { protocol, searchParams } = new URL(url)
  if (protocol === 'smtps:' || isLoopback(url)) return false
  return (searchParams.get('requireTLS') ?? String(hasPassword(url))) === 'false'
}

function hasPassword(url: string): boolean {
  const { username, password } = new URL(url)
  return username + password !== ''
}
