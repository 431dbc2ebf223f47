// Shows one view at a time: a section with data-view. Its heading is the title of the page.
const views = [...document.querySelectorAll('[data-view]')]
const status = document.getElementById('status')
const wide = document.getElementById('storage')

/** The name of the view that is shown. */
export let shown = 'loading'

/**
 * Shows a view. The focus goes to its heading, so that a screen reader says where one is; but
 * not when the page has just been opened.
 */
export function show(name) {
  const isFirst = shown === 'loading'
  const isSame = shown === name
  shown = name
  for (const view of views) view.hidden = view.dataset.view !== name
  wide.hidden = !['login', 'signup', 'forgot'].includes(name)
  document.body.dataset.shown = name
  const heading = document.querySelector('[data-view]:not([hidden]) h1')
  document.title = `${heading.textContent} – Latchkey example`
  if (isFirst || isSame) return
  heading.tabIndex = -1
  heading.focus()
  scrollTo(0, 0)
}

/** Tells that something was done. An empty text removes the last one. */
export function say(text) {
  status.textContent = ''
  // The same text twice is read twice.
  if (text !== '') setTimeout(() => (status.textContent = text), 20)
}
