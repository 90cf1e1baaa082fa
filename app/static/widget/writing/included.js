// Comments that the page includes (/embed/static). They stay as they are, without a request and without a shift, until the
// reader does more than read: then the thread takes their place, and does what the reader wanted.
const SELDOM = 30000 // ms, at least, between two looks for a change; at most twice as much
const LOOKS = 20

const plainly = url => url && new URL(url, location).href.split('#')[0]

// Whether the widget would show this page, in this order and language.
const isOf = ({where: {site, url, thread = '', sort, lang}}, section) => {
  const {here, sort: order, usual} = section.dataset, {searchParams: page} = new URL(here), [tongue] = lang.toLowerCase().split(/[-_]/)
  return page.get('site') == site && (page.get('thread') ?? '') == thread && plainly(page.get('url')) == plainly(url) &&
    (sort ? sort == order : usual != null) && (!tongue || tongue == section.lang.toLowerCase().split('-')[0])
}

// The box of the thread, in place of the slot that shows the included comments.
const unslot = ({root, box}) => root.querySelector('slot').replaceWith(box)

class Included {
  // Null where the thread has to be loaded: for another page, and for readers who have own comments or muted an author.
  static of(thread) {
    const section = thread.element.querySelector('.kaiwa-static'), {recall} = thread.tools
    const isKnown = [thread.me, thread.draft, thread.muted].some(key => Object.keys(recall(key))[0])
    return section?.dataset.here && !isKnown && isOf(thread, section) ? new Included(thread, section) : null
  }

  constructor(thread, section) {
    Object.assign(this, {thread, section, looks: 0})
  }

  begin() {
    const {thread, section} = this, load = thread.load.bind(thread)
    // Whatever loads the thread: it takes the place of the section, or leaves it where that fails.
    thread.load = async more => {
      const done = await load(more)
      if (thread.gone) return
      if (done) this.leave()
      else thread.box.replaceChildren()
      return done
    }
    section.addEventListener('click', event => this.click(event), thread.leaving)
    if ('live' in section.dataset) this.watch()
    thread.tell('ready', {total: +section.dataset.total})
    thread.arrive()
  }

  leave() {
    const {thread} = this
    unslot(thread)
    this.left = true
    delete thread.load
    thread.watch()
  }

  // Goes to an included comment; false if it is not here.
  visit(id) {
    const comment = !this.left && this.section.querySelector('#' + CSS.escape(id))
    if (!comment) return false
    comment.tabIndex = -1
    comment.focus()
    return true
  }

  click(event) {
    const link = event.target.closest('a[href]')
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return
    if (!link.matches('.kaiwa-report') && !link.getAttribute('href').startsWith(this.section.dataset.here)) return
    event.preventDefault()
    this.enter(link)
  }

  // Loads the thread with the comment of the link where it is on the screen, and clicks on its counterpart.
  async enter(link) {
    if (this.entering) return
    const {thread, section} = this, {searchParams, hash} = new URL(link.href), id = link.closest('article')?.id
    const before = link.closest('article')?.getBoundingClientRect().top
    this.entering = section.ariaBusy = true
    const done = await thread.load(searchParams.has('comment') ? {comment: searchParams.get('comment')} : {})
    this.entering = section.ariaBusy = false
    if (thread.gone) return
    if (!done) return void (location = link.href)
    const comment = id && thread.root.getElementById(id)
    if (comment) scrollerOf(thread.element).scrollBy({top: comment.getBoundingClientRect().top - before, behavior: 'instant'})
    if (searchParams.has('comment')) return thread.write('visit', {hash})
    const further = `.more[href$="after=${CSS.escape(searchParams.get('after'))}"]`
    const goal = link.matches('.kaiwa-report') ? comment?.querySelector('.report') : searchParams.has('parent') ?
      comment?.querySelector('.reply') : searchParams.has('after') ? thread.find(further) : thread.find('#kaiwa-body')
    goal?.matches('a') ? goal.click() : goal?.focus()
  }

  // The copy in the page may be older than a decision of a moderator.
  watch() {
    const {section, thread} = this
    const later = () => {
      this.timer = setTimeout(() => this.look().catch(trouble => console.warn('kaiwa:', trouble)).then(later), SELDOM * (1 + Math.random()))
      if (++this.looks > LOOKS || this.left) clearTimeout(this.timer)
    }
    const watch = new IntersectionObserver(([{isIntersecting}]) => {
      if (!isIntersecting) return
      watch.disconnect()
      later()
    })
    watch.observe(section)
    thread.leaving.signal.addEventListener('abort', () => {
      watch.disconnect()
      clearTimeout(this.timer)
      this.left = true
    })
  }

  async look() {
    const {thread, section} = this
    if (document.hidden || this.left || this.entering || section.contains(document.activeElement)) return
    const {ok, html} = await thread.ask('embed/static' + new URL(section.dataset.here).search)
    const now = html.querySelector('.kaiwa-static')
    if (!ok || !now || this.left || this.entering || now.dataset.version == section.dataset.version) return
    const mark = [...section.querySelectorAll('article')].find(isInView), before = mark?.getBoundingClientRect().top
    Object.assign(section.dataset, now.dataset)
    section.replaceChildren(...now.childNodes)
    const same = mark && section.querySelector('#' + CSS.escape(mark.id))
    if (same) scrollerOf(section).scrollBy({top: same.getBoundingClientRect().top - before, behavior: 'instant'})
  }
}

// The comments that the page includes, if they are those of this thread and its reader has no own ones; else the thread.
const adopt = async writing => {
  const {thread} = writing
  writing.included = Included.of(thread)
  if (writing.included) return writing.included.begin()
  unslot(thread)
  await thread.begin()
}
