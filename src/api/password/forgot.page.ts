import type { App } from '../../http/fastify.js'
import { createHostedPage, refuseJsonClient } from '../../http/hosted-page.js'
import { emailForm } from '../../http/page.js'
import type { Services } from '../../services.js'

/** The page that asks for a mail with a link to a new password, without a front end. */
export function forgotPasswordPage(app: App, services: Services): void {
  createHostedPage(
    {
      path: '/password/forgot',
      title: 'Ask for a new password',
      steps: [
        {
          action: '/password/forgot',
          main: emailForm,
          done: {
            202: 'If the address has an account, a mail with a link is on its way. Look into the spam folder too.',
          },
        },
      ],
      requireReader: refuseJsonClient,
      links: { '../login': 'Log in' },
    },
    services,
  )(app)
}
