// Sends forms, and shows what is wrong: tied to the field, or to the whole form.
import { fieldErrorsOf, textOf } from './messages.js'

/** Calls a function with the values of a form when it is sent. It may be rejected. */
export function onSubmit(name, send) {
  const form = document.forms[name]
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    // Not disabled: a disabled button loses the focus.
    if (form.ariaBusy === 'true') return
    clearErrors(form)
    const missing = [...form.elements].filter(({ required, value }) => required && value === '')
    for (const field of missing) showFieldError(field, [`Enter ${nameOf(field)}.`])
    if (missing.length > 0) return missing[0].focus()
    form.ariaBusy = 'true'
    try {
      await send(Object.fromEntries(new FormData(form)))
    } catch (error) {
      showError(form, error)
    } finally {
      form.ariaBusy = 'false'
    }
  })
}

/** Empties a form and removes its errors. */
export function resetForm(form) {
  form.reset()
  clearErrors(form)
  for (const button of form.querySelectorAll('.reveal')) setReveal(button, false)
}

/** Shows an error in a form. */
export function showError(form, error) {
  // An error without a code is a fault of this page, not of a person.
  if (error.code === undefined) console.error(error)
  const wrong = fieldErrorsOf(error, form)
  for (const { field, texts } of wrong) showFieldError(field, texts)
  if (wrong.length > 0) return wrong[0].field.focus()
  const alert = element('p', { className: 'alert', role: 'alert', textContent: textOf(error) })
  form.querySelector('[type="submit"]').before(alert)
}

function showFieldError(field, [text, ...more]) {
  const id = `${field.id}-error`
  const error = element('div', { className: 'error', id })
  error.append(element('p', { textContent: text }))
  const details = more.filter(Boolean)
  if (details.length > 0) {
    const list = element('ul', {})
    list.append(...details.map((textContent) => element('li', { textContent })))
    error.append(list)
  }
  field.closest('.field').append(error)
  field.setAttribute('aria-invalid', 'true')
  field.setAttribute('aria-describedby', [field.dataset.hint, id].filter(Boolean).join(' '))
}

function clearErrors(form) {
  for (const error of form.querySelectorAll('.error, .alert')) error.remove()
  for (const field of form.querySelectorAll('[aria-invalid]')) {
    field.removeAttribute('aria-invalid')
    if (field.dataset.hint) field.setAttribute('aria-describedby', field.dataset.hint)
    else field.removeAttribute('aria-describedby')
  }
}

/** Gives every password field a button that shows what was typed. */
export function addRevealButtons() {
  for (const field of document.querySelectorAll('input[type="password"]')) {
    const button = element('button', { type: 'button', className: 'reveal' })
    button.setAttribute('aria-controls', field.id)
    button.append('Show', element('span', { className: 'unseen', textContent: ' password' }))
    button.setAttribute('aria-pressed', 'false')
    button.addEventListener('click', () => {
      setReveal(button, field.type === 'password')
    })
    const both = element('div', { className: 'with-reveal' })
    field.replaceWith(both)
    both.append(field, button)
  }
}

function setReveal(button, isShown) {
  document.getElementById(button.getAttribute('aria-controls')).type = isShown ? 'text' : 'password'
  button.setAttribute('aria-pressed', String(isShown))
}

const nameOf = (field) => {
  const label = field.labels[0].textContent.trim()
  return `your ${label.charAt(0).toLowerCase()}${label.slice(1)}`
}

/** Creates an element with properties. */
export const element = (tag, properties) => Object.assign(document.createElement(tag), properties)
