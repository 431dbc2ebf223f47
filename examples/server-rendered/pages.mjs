// The pages. Each value is escaped by `html`.

/** The page of a person who is logged in. */
export const accountPage = ({ name, account, typed }) =>
  page(
    'Your account',
    html`<p>Hello, <b>${name}</b>! Your account is <code>${account}</code>.</p>
      <form method="post" action="/name">
        <label>New name <input name="name" value="${typed ?? ''}" maxlength="100" /></label>
        <button>Save</button>
      </form>
      <form method="post" action="/logout"><button>Log out</button></form>`,
  )

/** The login form or the sign-up form. */
export const formPage = (kind, { returnTo = '/', email = '', name = '', error = '' }) => {
  const isLogin = kind === 'login'
  const query = `?return_to=${encodeURIComponent(returnTo)}`
  return page(
    isLogin ? 'Log in' : 'Sign up',
    html`<p role="alert">${error}</p>
      <form method="post" action="/${kind}">
        <input type="hidden" name="return_to" value="${returnTo}" />
        ${
          isLogin
            ? ''
            : html`<p>
                <label>Name <input name="name" value="${name}" /></label>
              </p>`
        }
        <p>
          <label
            >E-mail
            <input type="email" name="email" value="${email}" required autocomplete="username"
          /></label>
        </p>
        <p>
          <label
            >Password
            <input
              type="password"
              name="password"
              required
              autocomplete="${isLogin ? 'current-password' : 'new-password'}"
          /></label>
        </p>
        <button>${isLogin ? 'Log in' : 'Sign up'}</button>
      </form>
      <p>
        <a href="${isLogin ? '/signup' : '/login'}${query}">${isLogin ? 'Sign up' : 'Log in'}</a>
      </p>`,
  )
}

/** A page with one sentence. */
export const messagePage = (text) =>
  page(
    'Notice',
    html`<p role="alert">${text}</p>
      <p><a href="/">Home</a></p>`,
  )

const page = (title, body) =>
  html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>${title}</title>
      <h1>${title}</h1>
      ${body}
    </html>`.text

/** Escapes the values of a template, except those that are templates themselves. */
function html(parts, ...values) {
  const escape = (value) =>
    value?.text ?? String(value).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
  return { text: String.raw({ raw: parts }, ...values.map(escape)) }
}
