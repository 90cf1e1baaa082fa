// The second part of the widget: loaded when a reader begins to type.
const begun = new WeakSet()

export const input = (thread, field) => {
  measure(thread, field)
  begin(thread)
}

// The first field of a form that holds too much, if any; called before each sending.
export const tooLong = (thread, form) => {
  watch(thread)
  return [...form.elements].find(field => measure(thread, field))
}

// Lengths are counted as a reader counts: one family emoji is one character.
const graphemes = text => [...new Intl.Segmenter().segment(text)].length

// Says how many characters are left when few are; true when the field holds too many.
const measure = (thread, field) => {
  const max = field.dataset.max, note = max && thread.root.getElementById(field.id + '-left')
  if (!note) return
  // No text has more characters than UTF-16 units, so most keystrokes need no counting.
  const left = field.value.length < max * .9 ? max : max - graphemes(field.value), over = left < 0
  note.textContent = left > max * .1 ? '' : thread.say[over ? 'over' : 'left'].replace('{n}', Math.abs(left))
  note.className = over ? 'left error' : 'left'
  note.role = over ? 'alert' : null
  if (over || !field.matches('.wrong *')) field.ariaInvalid = over || null
  return over
}

// Puts the signed moment of the first key into the form: the page is the same for all readers and cannot tell.
const begin = async thread => {
  const stamp = thread.form?.elements.stamp
  if (!stamp || begun.has(stamp) || stamp.value.startsWith('typing.')) return
  begun.add(stamp)
  const {html} = await thread.ask('embed/stamp?' + new URLSearchParams({site: thread.where.site}))
  stamp.replaceWith(html.querySelector('input') ?? stamp)
}

// An AbortController has the `signal` that listeners ask for in their options.
const watch = thread => {
  if (begun.has(thread)) return
  begun.add(thread)
  thread.element.addEventListener('kaiwa:posted', () => prove(thread).catch(console.warn), thread.leaving)
}

// Adds the solution of a challenge to the request; false if the browser cannot compute.
export const solve = async ({name, dataset}, body) => {
  try {
    const work = await import(new URL('work.js', import.meta.url))
    body.set(name, await work.solve(JSON.parse(dataset.challenge)))
    return true
  } catch (unable) {
    console.warn('kaiwa:', unable)
  }
}

// Where the service is in doubt whether a person writes, it has sent work for the browser along with its answer.
const prove = async thread => {
  const form = thread.find('.said form'), field = form?.elements.altcha
  if (!field) return
  const body = new URLSearchParams(new FormData(form))
  if (!await solve(field, body)) return
  const {ok, html} = await thread.ask(form.getAttribute('action'), body)
  if (!ok || thread.gone || !form.isConnected) return
  form.closest('.said').replaceWith(html.querySelector('.said'))
  thread.place(html.querySelector('article'))
}
