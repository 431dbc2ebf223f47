import type { App } from '../../http/fastify.js'
import { createHostedPage, requireBrowser } from '../../http/hosted-page.js'
import { credentialsForm } from '../../http/page.js'
import type { Services } from '../../services.js'

/** The page to log in, without a front end. The tokens go into cookies. */
export function loginPage(app: App, services: Services): void {
  const { SIGNUP_MODE, REQUIRE_VERIFIED_EMAIL } = services.config
  createHostedPage(
    {
      path: '/login',
      title: 'Log in',
      steps: [
        {
          action: '/login',
          main: credentialsForm('current-password', 'Log in'),
          done: { 200: 'You are logged in.' },
          logsIn: true,
          refused: {
            invalid_credentials: 'E-mail or password is wrong.',
            email_unverified:
              'Your password is right, but your e-mail address is not verified yet. Open the link in the mail first.',
            account_disabled: 'This account is disabled. Contact the operator of this service.',
            cross_site_request:
              'Logging in does not work at this address. Tell the operator of this service.',
          },
        },
      ],
      requireReader: requireBrowser,
      links: {
        ...(SIGNUP_MODE !== 'closed' && { signup: 'Create an account' }),
        'password/forgot': 'Choose a new password',
        ...(REQUIRE_VERIFIED_EMAIL === 'on' && {
          'email/resend': 'Ask for the mail to verify your address',
        }),
      },
      reasons: {
        renewal_loop:
          'You are logged in, but the application does not see it. Logging in again will not help for long. Tell the operator of the application.',
      },
    },
    services,
  )(app)
}
