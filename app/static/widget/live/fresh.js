// "3 new comments": a button in a status, and the comments in their places when it is pressed.

const endOf = root => {
  let at = root
  while (at.nextElementSibling && !at.nextElementSibling.matches('article,.further:not(.replies)')) at = at.nextElementSibling
  return at
}

// Puts these comments of an answer where the answer has them; returns those that have a place here.
const merge = (thread, html, wanted) => {
  const list = thread.find('.comments'), placed = []
  let root
  for (const comment of html.querySelectorAll('.comments article')) {
    const {id, parent, depth} = comment.dataset, here = thread.comment(id), above = thread.comment(parent)
    if (depth == 0) {
      if (wanted.has(id) && !here) root ? endOf(root).after(comment) : list.prepend(comment)
      root = thread.comment(id) ?? root
    } else if (wanted.has(id) && !here && above) hang(thread, comment, above)
    if (thread.comment(id) == comment) placed.push(comment)
  }
  if (placed[0]) list.querySelector('.none')?.remove()
  return placed
}

class Fresh {
  constructor(thread, say) {
    Object.assign(this, {thread, say})
    this.begin()
    thread.element.addEventListener('kaiwa:posted', ({detail: {id, status}}) => {
      if (status == 'approved') this.count(String(id))
    }, thread.leaving)
  }

  // For a thread that has been loaded, or loaded in another order. `own`: the reader's comments that are in the total.
  begin() {
    const {thread} = this, idsOf = list => new Set([...thread.root.querySelectorAll(list)].map(({dataset}) => dataset.id))
    this.section = thread.find('.thread')
    this.total = +this.section.dataset.total
    this.known = idsOf('article')
    this.own = idsOf('.mine:not(:has(.waiting))')
    this.status = make('div', 'fresh')
    this.status.role = 'status'
    this.offered = this.based = false
    thread.find('.comments').after(this.status)
  }

  // The reader's own comment is no news.
  count(id) {
    if (!this.own.has(id)) this.total++
    this.own.add(id)
  }

  take(html) {
    const {thread} = this, section = html.querySelector('.thread'), shown = html.querySelectorAll('.comments article:has(.body)')
    const ids = [...shown].map(({dataset}) => dataset.id)
    if (this.section != thread.find('.thread')) this.begin()
    if (section.dataset.sort != this.section.dataset.sort) return
    // A page around one comment shows another part of the thread: there the first answer has the known comments.
    if (thread.find('.all') && !this.based) for (const id of ids) this.known.add(id)
    this.based = true
    for (const id of ids) if (thread.comment(id)?.matches('.mine')) this.count(id)
    this.html = html
    this.wanted = new Set(ids.filter(id => !this.known.has(id) && !thread.comment(id)))
    const count = Math.max(+section.dataset.total - this.total, this.wanted.size)
    if (count > 0) this.offer(count)
    else if (this.offered) this.clear()
  }

  offer(count) {
    const {lang} = this.section, text = this.say.fresh[new Intl.PluralRules(lang).select(count)].replace('{n}', count)
    this.offered = true
    this.tell(null, text, () => this.show())
  }

  // The button stays the same element, so that the focus stays on it.
  tell(sentence, text, act) {
    const button = this.status.querySelector('button') ?? make('button')
    if (button.textContent != text) button.textContent = text
    Object.assign(button, {type: 'button', part: 'button', onclick: act})
    this.status.querySelector('p')?.remove()
    if (!button.isConnected) this.status.append(button)
    if (sentence) this.status.prepend(make('p', 'notice', sentence))
  }

  clear() {
    this.offered = false
    this.status.replaceChildren()
  }

  show() {
    const {thread, html, wanted, say} = this, total = +html.querySelector('.thread').dataset.total
    let placed = []
    still(thread, () => {
      placed = merge(thread, html, wanted)
      for (const comment of placed) {
        thread.localise(comment)
        comment.querySelector('.who')?.append(' ', make('span', 'new', say.new))
      }
      thread.find('#kaiwa-title').textContent = html.querySelector('#kaiwa-title').textContent
    })
    const elsewhere = total - this.total > placed.length
    for (const {dataset} of placed) this.known.add(dataset.id)
    this.total = total
    this.offered = false
    this.queue = placed
    const newest = thread.find('.sort[href*="sort=newest"]')
    if (placed[0]) this.tell(elsewhere ? say.elsewhere : say.marked, say.next, () => this.next())
    else this.tell(say.elsewhere, say.newest, () => newest ? newest.click() : thread.write('all'))
  }

  next() {
    const comment = this.queue.find(it => it.isConnected)
    this.queue = this.queue.slice(this.queue.indexOf(comment) + 1)
    if (!this.queue[0]) this.clear()
    this.thread.write('point', comment)
  }
}
