// Fields while a reader types: how much fits, and when the first key was pressed.
const begun = new WeakSet()

// Lengths are counted as a reader counts: one family emoji is one character.
const graphemes = text => [...Intl.Segmenter ? new Intl.Segmenter().segment(text) : text].length

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
