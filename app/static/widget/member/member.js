// Members of the publisher: the page's signed token becomes ours, and the form has the member's name. Loaded where a page
// has such a token, or says that the member has logged out. The browser's storage gets neither token.

export const meet = async (thread, signed) => {
  watch(thread)
  if (!signed) return leave(thread)
  if (thread.member?.signed == signed) return
  thread.asking = signed
  const {where: {site, url, thread: id = '', title, section = ''}, tools: {memory}} = thread, {lang} = thread.find('.thread')
  // A page of a router may be open for longer than the token is valid.
  const known = memory.members?.[signed], proof = known ? {author: known} : {member: signed}
  const {ok, html, headers} = await thread.ask('embed/member', new URLSearchParams({site, url, thread: id, title, section, lang, ...proof}))
  // Another token, or a log-out, may have come since.
  if (thread.gone || thread.asking != signed) return
  if (!ok) return console.error('Kaiwa:', html.textContent.trim() || 'no answer about the member')
  const author = headers.get('Kaiwa-Author')
  memory.members = {[signed]: author}
  thread.member = {signed, author, form: html.querySelector('.respond')}
  follow(thread)
  put(thread)
  await show(thread, html.querySelectorAll('article'))
}

// The attribute may change, or go, on a page that stays.
const watch = thread => {
  const {element, leaving: {signal}, tools: {memory}} = thread
  if (thread.watched) return
  thread.watched = new MutationObserver(() => meet(thread, memory.member ?? element.dataset.member))
  thread.watched.observe(element, {attributeFilter: ['data-member']})
  signal.addEventListener('abort', () => thread.watched.disconnect())
}

// Puts the member's form in the place of that of all readers, with the text that was typed so far.
const put = thread => {
  const {member, root, writing} = thread, old = thread.form ?? thread.find('.for-members')
  if (!old || !member.form) return
  const {name, selectionStart, selectionEnd} = old.contains(root.activeElement) ? root.activeElement : {}
  const form = member.form.cloneNode(true)
  thread.blank = member.form
  old.replaceWith(form)
  writing?.prepare()
  writing?.fill()
  const field = form.elements[name]
  field?.focus()
  if (selectionEnd) field?.setSelectionRange?.(selectionStart, selectionEnd)
}

const show = async (thread, own) => {
  if (!own[0]) return
  await thread.write()
  for (const comment of own) thread.writing?.place(comment)
}

// Each time the thread is loaded again, it is that of all readers.
const follow = thread => {
  const {living} = thread, {see} = living
  if (living.member) return
  living.member = true
  living.see = html => {
    see.call(living, html)
    if (html != thread.box || !thread.member) return
    put(thread)
    thread.write('showOwn')
  }
}

const leave = thread => {
  const {memory} = thread.tools, {member} = thread
  thread.asking = ''
  delete memory.members
  delete thread.member
  for (const area of [memory, ...stored()]) for (const key of Object.keys(area)) {
    if (key.startsWith(thread.me + ':') && isOfMember(area[key])) delete area[key]
  }
  if (member) thread.load()
}

// A reader may have switched storage off.
const stored = () => {
  try {
    return [sessionStorage]
  } catch {
    return []
  }
}

const isOfMember = draft => {
  try {
    return (draft.at ? JSON.parse(draft) : draft).member
  } catch {
    return false
  }
}
