// Errors beside their fields: they go when the field is right, and come early where there is no doubt.

// The service knows better; addresses in full-width characters are right too.
const looksLikeEmail = text => /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text.normalize('NFKC').trim())

const looksRight = field =>
  (!field.required || (field.type == 'checkbox' ? field.checked : field.value.trim())) && (field.type != 'email' || !field.value || looksLikeEmail(field.value))

const describe = (field, ids) => field.setAttribute('aria-describedby', [...ids].join(' '))
const described = field => new Set(field.getAttribute('aria-describedby')?.split(' '))

const mark = (field, sentence) => {
  if (field.matches('.wrong *')) return
  const error = document.createElement('span')
  Object.assign(error, {className: 'error', id: field.id + '-error', textContent: sentence, role: 'alert'})
  field.after(error)
  field.closest('.field').classList.add('wrong')
  field.ariaInvalid = true
  describe(field, described(field).add(error.id))
}

const clear = (thread, field) => {
  const {id} = field, ids = described(field), summary = thread.find('.summary')
  thread.root.getElementById(id + '-error')?.remove()
  field.closest('.wrong')?.classList.remove('wrong')
  field.ariaInvalid = null
  ids.delete(id + '-error')
  describe(field, ids)
  summary?.querySelector(`[href="#${id}"]`)?.closest('li').remove()
  if (summary && !summary.querySelector('li')) summary.remove()
}

// For the publisher, before a reader finds out.
const hint = ({where, say}) => {
  const {origin} = say.origins ? location : new URL(where.url, location)
  console.error(`Kaiwa: this page's origin ${origin} is not one of the site's origins; add it under ` +
    `Settings > Site URLs or with \`flask site set ${where.site} origins+=${origin}\`.`)
}
