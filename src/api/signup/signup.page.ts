import type { App } from '../../http/fastify.js'
import { createHostedPage, requireBrowser } from '../../http/hosted-page.js'
import { credentialsForm, type Step } from '../../http/page.js'
import type { Services } from '../../services.js'

const step: Step = {
  action: '/signup',
  main: credentialsForm('new-password', 'Create the account'),
  done: {
    201: 'Your account has been created, and you are logged in.',
    202: 'A mail with a link is on its way. The link creates your account. Look into the spam folder too.',
  },
  logsIn: true,
  refused: {
    email_taken: 'This e-mail address already has an account. Log in instead.',
    cross_site_request:
      'Signing up does not work at this address. Tell the operator of this service.',
  },
}

/** The page to sign up, without a front end. The tokens go into cookies. */
export function signupPage(app: App, services: Services): void {
  const isClosed = services.config.SIGNUP_MODE === 'closed'
  createHostedPage(
    {
      path: '/signup',
      title: isClosed ? 'Sign-up is closed' : 'Create an account',
      steps: isClosed ? [] : [step],
      ...(isClosed && {
        intro: '<p>Only the operator of this service creates accounts. Ask the operator.</p>',
      }),
      requireReader: requireBrowser,
      links: { login: 'Log in' },
    },
    services,
  )(app)
}
