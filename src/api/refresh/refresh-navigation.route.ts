import { Problem } from '../../errors.js'
import { auditRefusal } from '../../http/audit.js'
import type { App, Reply, Request } from '../../http/fastify.js'
import { cookie } from '../../http/holding.js'
import { sendBadLinkPage, sendProblemPage } from '../../http/problem-page.js'
import { createRenewals } from '../../http/renewals.js'
import { createRefresh } from './refresh.js'
import type { Services } from '../../services.js'

/**
 * Renews the cookies of a person who navigates, and sends the person back to `return_to`. So a
 * server-rendered application, or a proxy, needs no token code: it sends a person without a
 * valid access cookie here. A person who is logged out goes to SIGN_IN_URL.
 *
 * There is no cross-site check, because links of other sites lead to applications. A foreign
 * page can only make the browser renew its own cookies.
 */
export function refreshNavigationRoute(app: App, services: Services): void {
  const refresh = createRefresh(services)
  const { config, returnTo, sendTokens, tokenCookies } = services
  const renewals = createRenewals({
    publicUrl: config.PUBLIC_URL,
    sameSite: config.COOKIE_SAMESITE,
  })
  const signIn = new URL(config.SIGN_IN_URL).href

  const sendToSignIn = async (reply: Reply, page: string, reason = '') => {
    const query = `${reason}return_to=${encodeURIComponent(page)}`
    await reply.redirect(`${signIn}${signIn.includes('?') ? '&' : '?'}${query}`, 303)
  }

  const renew = async (request: Request, reply: Reply, page: string) => {
    const token = tokenCookies.readRefresh(request)
    if (token === null) throw new Problem('invalid_refresh_token')
    if (renewals.isLoop(request)) {
      await sendToSignIn(reply, page, 'reason=renewal_loop&')
      return
    }
    const admitted = await refresh(token, undefined)
    renewals.count(request, reply)
    await sendTokens(request, reply, admitted, { redirect: page })
  }

  app.get(
    '/refresh',
    { config: { public: true }, schema: { hide: true } },
    async (request, reply) => {
      let page
      try {
        page = returnTo.require(request)
      } catch (error) {
        return await sendBadLinkPage(error, request, reply, signIn)
      }
      request.holding = cookie
      try {
        await renew(request, reply, page)
      } catch (error) {
        const isRefused = error instanceof Problem && error.code === 'invalid_refresh_token'
        if (!isRefused) await sendProblemPage(error, request, reply)
        else {
          // Without a cookie, another site may have sent the request: it must not log out.
          if (tokenCookies.areIn(request)) auditRefusal(request, error)
          // Nor with the access cookie alone: a browser withholds a good refresh cookie from
          // another spelling of the path, such as /REFRESH in a link of another site.
          if (tokenCookies.isRefreshIn(request)) tokenCookies.clear(reply)
          await sendToSignIn(reply, page)
        }
      }
    },
  )
}
