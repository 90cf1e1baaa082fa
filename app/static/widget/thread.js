// The thread in the page. What a reader needs to write, and to see more of it, is in writing/.
const PATIENCE = 30000 // ms, after which a reader would rather try again

class Thread {
  constructor(element, where, theme) {
    const {site, url, thread, lang} = this.where = where
    this.element = element
    this.theme = theme
    this.say = {...spoken(lang) ?? unsure}
    this.page = thread || url
    this.me = 'kaiwa:' + site
    this.muted = 'kaiwa-muted:' + site
    this.draft = `${this.me}:${this.page}`
    this.tools = {recall, memory, parse, around, tag}
    this.leaving = new AbortController()
    this.root = element.shadowRoot ?? element.attachShadow({mode: 'open'})
    // Many style sheets of pages hide empty elements, and a shadow root does not count.
    if (!element.firstElementChild) element.append(make('template'))
    if (!able()) return void writing().then(({framed}) => framed(this, new URL('thread?' + asked(where), home)))
    this.root.adoptedStyleSheets = [sheet]
    this.box = make('div', 'kaiwa')
    this.probe = make('i', 'probe')
    this.root.replaceChildren(this.box, this.probe)
    this.dress()
    this.listen()
    this.start()
  }

  // The theme may be told at any time; "auto" follows the page.
  dress() {
    if (this.box && getComputedStyle(this.probe).color) paint(this.box, this.element, this.probe, this.wanted)
  }

  get wanted() {
    return this.theme ?? this.element.dataset.theme ?? dataset.theme
  }

  // An AbortController has the `signal` that listeners ask for in their options.
  listen() {
    const on = (target, type, act) => target.addEventListener(type, event => this[act](event), this.leaving)
    for (const type of words('click submit input focusin focusout')) on(this.root, type, type)
    on(window, 'hashchange', 'arrive')
  }

  stop() {
    this.leaving.abort()
    this.root.replaceChildren()
  }

  tell(type, detail) {
    this.element.dispatchEvent(new CustomEvent('kaiwa:' + type, {detail, bubbles: true, composed: true}))
  }

  // Asks the service. Returns ok, status, headers and parsed HTML; status 0 when no answer came in time.
  async ask(path, body, headers) {
    const impatience = new AbortController(), stop = () => impatience.abort(), {signal} = this.leaving
    const timer = setTimeout(stop, PATIENCE)
    signal.addEventListener('abort', stop)
    try {
      const answer = await fetch(new URL(path, home), {
        method: body ? 'POST' : 'GET', body, headers, credentials: 'omit', signal: impatience.signal,
      })
      return {ok: answer.ok, status: answer.status, headers: answer.headers, html: parse(await answer.text())}
    } catch (silence) {
      console.warn('kaiwa:', silence)
      return {status: 0, html: make('p')}
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
  }

  get gone() {
    return this.leaving.signal.aborted
  }

  find(selector) {
    return this.box.querySelector(selector)
  }

  get form() {
    return this.find('.respond')
  }

  comment(id) {
    return this.root.getElementById('comment-' + id)
  }

  // ---- reading

  // Comments that the page includes (/embed/static) are shown by a slot in place of our box: writing/included.js.
  start() {
    if (!this.element.querySelector('.kaiwa-static')) return this.begin()
    this.box.replaceWith(make('slot'))
    this.write('adopt')
  }

  async begin() {
    const waiting = make('p', 'loading', this.say.loading)
    waiting.role = 'status'
    this.box.replaceChildren(make('slot'), waiting)
    if (!await this.load()) return
    this.tell('ready', {total: +this.say.total})
    this.arrive()
    this.watch()
  }

  watch() {
    // Readers of such a page can read, and each comment is refused.
    if (!words(this.say.origins).includes(location.origin)) this.write('hint')
    new IntersectionObserver(([{isIntersecting}], watch) => {
      if (!isIntersecting) return
      watch.disconnect()
      // The page may have changed its theme while nothing of the thread was in sight.
      this.dress()
      this.live()
    }).observe(this.box)
  }

  query(more) {
    return asked({...this.where, title: '', published: '', ...more})
  }

  // Shows the thread, or why not; true when it is there.
  async load(more) {
    const [back, mutes] = [[this.me, this.draft], [this.muted]].map(keys => keys.some(key => Object.keys(recall(key))[0]))
    // The second part changes the form of a reader who comes back, and the third hides muted authors: they are loaded
    // before the thread is shown.
    const [{ok, status, html}] = await Promise.all([this.ask('embed/thread?' + this.query(more)), back && this.write(), mutes && this.live()])
    if (this.gone) return
    if (status == 422) this.write('hint')
    if (!ok) return this.excuse(this.box, html, this.say.unread, () => this.start())
    this.box.replaceChildren(...html.childNodes)
    const thread = this.find('.thread')
    Object.assign(this.say, spoken(thread.lang), thread.dataset)
    this.localise(this.box)
    if (mutes) this.live()
    this.blank = this.form?.cloneNode(true)
    if (back) await this.write('resume')
    return true
  }

  localise(html) {
    localise(html, this.find('.thread').lang)
    this.living?.see(html)
  }

  // The service's sentence, or ours where none came, with a way to try again.
  excuse(place, html, ours, retry) {
    const sentence = html.querySelector('.notice')?.textContent ?? ours
    const notice = make('p', 'notice error excuse', sentence), beside = place.querySelector('.send')
    notice.role = 'alert'
    if (retry) {
      const button = make('button', 'retry', this.say.retry)
      Object.assign(button, {type: 'button', onclick: retry})
      notice.append(button)
    }
    place.querySelector('.excuse')?.remove()
    beside ? beside.before(notice) : place.replaceChildren(notice)
  }

  // Also "isso-1", for links from before an import.
  arrive() {
    if (/^#(comment|isso)-\d+$/.test(location.hash)) this.write('visit', location)
  }

  click(event) {
    const link = event.target.closest('a[href]')
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return
    const goal = link.matches('[href^="#"],.to,.seek') && 'visit'
    const act = words('reply cancel report more sort all').find(name => link.matches('.' + name)) ?? goal
    if (!act) return
    event.preventDefault()
    this.write(act, link)
  }

  // ---- the second part: its program is loaded when a reader begins to write or asks for more, or has begun before

  focusin({target}) {
    if (this.form?.contains(target)) this.write()
  }

  input({target}) {
    this.write('input', target)
  }

  focusout({target, relatedTarget}) {
    this.write('leave', target, relatedTarget)
  }

  submit(event) {
    const {target: form, submitter} = event
    event.preventDefault()
    this.write('submit', form, submitter)
  }

  // Does something of the second part. Where that cannot be loaded, a link leads to the page that does the same.
  async write(act, subject, ...more) {
    try {
      const {Writing} = await (this.second ??= writing())
      if (this.gone) return
      this.writing ??= new Writing(this)
      this.writing.prepare()
      await this.writing[act]?.(subject, ...more)
    } catch (trouble) {
      console.warn('kaiwa:', trouble)
      this.second = null
      if (act == 'submit') this.excuse(subject, make('p'), subject.dataset.unsent ?? this.say.unsent, () => this.write(act, subject, ...more))
      else if (subject?.href) location = subject.href
    }
  }

  // The third part, for readers who stay. Where the program is here already, it starts at once.
  async live() {
    try {
      this.Live ??= (await import(new URL('live.js', home))).Live
      if (!this.gone && this.find('.thread')) this.living ??= new this.Live(this)
    } catch (trouble) {
      console.warn('kaiwa:', trouble)
    }
  }
}
