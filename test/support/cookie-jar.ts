import type { LightMyRequestResponse as Reply } from 'fastify'

/** A cookie of a reply, with the attributes that decide which requests get it. */
export interface SetCookie {
  name: string
  value: string
  attributes: string
}

/** The cookies of a reply, in its order. */
export function cookiesOf({ headers }: Pick<Reply, 'headers'>): SetCookie[] {
  return [headers['set-cookie'] ?? []].flat().map((line) => {
    const [, name = '', value = '', attributes = ''] = /^([^=]+)=([^;]*); (.*)$/.exec(line) ?? []
    return { name, value, attributes }
  })
}

/** The names of the cookies that a reply sets, and of those that it removes with a minus. */
export function cookieChanges(reply: Pick<Reply, 'headers'>): string[] {
  return cookiesOf(reply).map(({ name, value }) => (value === '' ? `-${name}` : name))
}

/** A Cookie header with the cookies of replies. Later cookies replace earlier ones. */
export function cookieHeader(...replies: Array<Pick<Reply, 'headers'>>): string {
  const jar = new Map(replies.flatMap(cookiesOf).map(({ name, value }) => [name, value]))
  return [...jar]
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${value}`)
    .join('; ')
}
