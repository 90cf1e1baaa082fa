// Work for the browser, where the service is in doubt whether a person writes.

// Adds the solution of a challenge to the request; false if the browser cannot compute.
const solve = async ({name, dataset}, body) => {
  try {
    const work = await import(new URL('work.js', import.meta.url))
    body.set(name, await work.solve(JSON.parse(dataset.challenge)))
    return true
  } catch (unable) {
    console.warn('kaiwa:', unable)
  }
}

// A comment that a proof would publish came with a challenge.
const prove = async (thread, place) => {
  const form = thread.find('.said form'), field = form?.elements.altcha
  if (!field) return
  const body = new URLSearchParams(new FormData(form))
  if (!await solve(field, body)) return
  const {ok, html} = await thread.ask(form.getAttribute('action'), body)
  if (!ok || thread.gone || !form.isConnected) return
  form.closest('.said').replaceWith(html.querySelector('.said'))
  place(html.querySelector('article'))
}
