// A comment is marked as helpful, or no longer; other readers see the new number a little later.
const vote = async (thread, form, button) => {
  if (button.ariaBusy) return
  const body = new URLSearchParams(new FormData(form)), {author} = thread.tools.recall(thread.me)
  body.set(button.name, button.value)
  if (author) body.set('author', author)
  button.ariaBusy = true
  const {ok, html} = await thread.ask(form.action, body)
  if (thread.gone) return
  button.ariaBusy = null
  form.querySelector('.excuse')?.remove()
  button.closest('article').querySelector('.unsaved')?.remove()
  if (ok) return show(form, button, html)
  const place = document.createElement('div')
  place.className = 'unsaved'
  button.closest('footer').after(place)
  thread.excuse(place, html, form.dataset.unsent)
}

// The button stays, and with it the focus; a screen reader is told the number.
const show = (form, button, html) => {
  const {name, ariaPressed, childNodes} = html.querySelector('.vote')
  Object.assign(button, {name, ariaPressed})
  button.replaceChildren(...childNodes)
  form.querySelector('.trap').textContent = html.querySelector('p').textContent
}
