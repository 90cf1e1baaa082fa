// The reader's widget: puts the thread of this page into a shadow root under the article.
// The HTML of the service is the program; this file presses its links and buttons without leaving the page.
(() => {
  // The route that serves this file puts the style sheet and the sentences here, so that they cost no request.
  const CSS = __KAIWA_CSS__
  const SENTENCES = __KAIWA_SENTENCES__

  const {src, dataset} = document.currentScript
  const threads = new WeakMap()
  const MOST_COUNTS = 100
  const WHO = ['name', 'email', 'website']
  const PATIENCE = 30000 // ms, after which a reader would rather try again

  // What the fragment is made of and nothing else, for browsers with the Sanitizer API.
  const words = text => text.split(' ')
  const sanitizer = {
    elements: [
      ...words('section header footer article div span p h2 h3 h4 a b strong em s del code pre blockquote ul ol li br'),
      ...words('time form label input textarea button details summary'),
      ...['svg', 'path'].map(name => ({name, namespace: 'http://www.w3.org/2000/svg'})),
    ],
    removeAttributes: ['style'],
  }

  const parse = html => {
    const box = document.createElement('div')
    if (box.setHTML) box.setHTML(html, {sanitizer})
    else box.append(...document.importNode(new DOMParser().parseFromString(html, 'text/html').body, true).childNodes)
    return box
  }

  // A reader may have switched storage off, or filled it: then the page's memory serves until it is left.
  const memory = {}
  const recall = key => {
    try {
      memory[key] ??= JSON.parse(localStorage.getItem(key) ?? sessionStorage.getItem(key))
    } catch {
      memory[key] = {}
    }
    return memory[key] ?? {}
  }
  const keep = (key, value, lasting) => {
    memory[key] = value
    try {
      localStorage.removeItem(key)
      sessionStorage.removeItem(key)
      const area = lasting ? localStorage : sessionStorage
      area.setItem(key, JSON.stringify(value))
    } catch (full) {
      console.warn('kaiwa:', full)
    }
  }

  // The second part of the widget, for writing; without it, the service still reports errors.
  const writing = () => import(new URL('writing.js', src)).catch(console.warn)
  const random = () => crypto.getRandomValues(new Uint32Array(4)).join('-')

  const address = () => (document.querySelector('link[rel=canonical]')?.href || location.href).split('#')[0]

  // Light text around us means a dark page. rgb() counts to 255, oklch() to 1.
  const pageTheme = element => {
    const {color} = getComputedStyle(element), [first] = color.match(/[\d.]+/)
    return first > (color[0] == 'r' ? 127 : .5) ? 'dark' : 'light'
  }

  const make = (name, look = '', text = '') => {
    const element = document.createElement(name)
    element.className = look
    element.append(text)
    return element
  }

  const sheet = new CSSStyleSheet()
  sheet.replaceSync(CSS)

  class Thread {
    constructor(element, options) {
      const given = {...dataset, ...element.dataset, ...options}, {site, thread, sort, published} = given
      const url = given.url || address(), lang = given.lang || document.documentElement.lang || 'en'
      this.element = element
      this.theme = given.theme
      this.where = {site, url, thread, title: given.title || document.title, published, lang, sort}
      const tag = lang.toLowerCase().split(/[-_]/)
      while (tag[1] && !SENTENCES[tag.join('-')]) tag.pop()
      this.say = {...SENTENCES[tag.join('-')] ?? SENTENCES.en}
      this.page = thread || url
      this.me = 'kaiwa:' + site
      this.draft = `${this.me}:${this.page}`
      this.leaving = new AbortController()
      this.root = element.shadowRoot ?? element.attachShadow({mode: 'open'})
      this.root.adoptedStyleSheets = [sheet]
      this.box = make('div', 'kaiwa')
      this.root.replaceChildren(this.box)
      this.dress()
      this.listen()
      this.start()
    }

    // "auto" follows the page. Where the reader's theme differs from the page's, we bring our own ground.
    dress() {
      const page = pageTheme(this.element), theme = this.theme?.match(/^(light|dark)$/) ? this.theme : page
      this.box.dataset.theme = theme
      this.box.toggleAttribute('data-ground', theme != page)
    }

    // An AbortController has the `signal` that listeners ask for in their options.
    listen() {
      const on = (target, type, act) => target.addEventListener(type, event => this[act](event), this.leaving)
      for (const type of ['click', 'submit', 'input']) on(this.root, type, type)
      on(window, 'hashchange', 'arrive')
      on(matchMedia('(prefers-color-scheme:dark)'), 'change', 'dress')
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
      const {signal} = this.leaving
      try {
        const answer = await fetch(new URL(path, src), {
          method: body ? 'POST' : 'GET', body, headers, credentials: 'omit',
          signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
        })
        return {ok: answer.ok, status: answer.status, headers: answer.headers, html: parse(await answer.text())}
      } catch (silence) {
        console.warn('kaiwa:', silence)
        return {status: 0, html: make('p')}
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

    async start() {
      if (!await this.load()) return
      this.tell('ready', {total: +this.say.total})
      this.arrive()
    }

    // Shows the thread, or why not; true when it is there.
    async load(more) {
      const fields = Object.entries({...this.where, title: '', published: '', ...more}).filter(([, value]) => value)
      const {ok, html} = await this.ask('embed/thread?' + new URLSearchParams(fields))
      if (this.gone) return
      if (!ok) return this.excuse(this.box, html, this.say.unread, () => this.start())
      this.box.replaceChildren(...html.childNodes)
      Object.assign(this.say, this.find('.thread').dataset)
      if (this.form) {
        this.prepare()
        this.blank = this.form.cloneNode(true)
        this.resume()
      }
      this.showOwn()
      return true
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

    arrive() {
      this.visit(location.hash.slice(1))
    }

    // Goes to a field or a comment of this thread; fetches the comment's part of it where it is not here.
    async visit(id) {
      const number = id.match(/^(?:comment|isso)-(\d+)$/)?.[1]
      if (!number) return this.root.getElementById(id)?.focus()
      if (this.comment(number) || await this.load({comment: number})) this.point(this.comment(number))
    }

    point(comment) {
      this.find('.target')?.classList.remove('target')
      comment?.classList.add('target')
      comment?.focus()
    }

    click(event) {
      const link = event.target.closest('a[href]')
      if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return
      const act = words('reply cancel more sort all report').find(name => link.matches('.' + name))
      const goal = link.getAttribute('href').match(/^#(.+)/)?.[1]
      if (!act && !goal) return
      event.preventDefault()
      act ? this[act](link) : this.visit(goal)
    }

    async more(link) {
      const {ok, html} = await this.ask('embed/thread' + new URL(link.href).search), place = link.parentNode
      if (this.gone) return
      if (!ok) return this.excuse(place, html, this.say.unread, () => place.replaceChildren(link))
      const found = [...html.querySelector('.comments').children].filter(({dataset}) => !this.comment(dataset.id))
      place.replaceWith(...found)
      found[0]?.focus()
    }

    // Puts the form in the place of its link.
    async report(link) {
      const {html} = await this.ask(link.href), form = html.firstElementChild ?? link
      link.replaceWith(form)
      form.querySelector('[type=radio]')?.focus()
    }

    async sort(link) {
      this.where.sort = new URL(link.href).searchParams.get('sort')
      if (await this.load()) this.find('.sort').focus()
    }

    async all() {
      if (await this.load()) this.find('article')?.focus()
    }

    // ---- the form

    prepare() {
      // maxlength counts UTF-16 units and cuts pasted text; we count characters and show the excess.
      for (const field of this.form.querySelectorAll('[maxlength]')) {
        field.dataset.max = field.maxLength
        field.removeAttribute('maxlength')
      }
    }

    reply(link, quietly) {
      const {form} = this
      if (!link) return
      link.closest('article').after(form)
      form.elements.parent.value = link.closest('article').dataset.id
      form.querySelector('h3').textContent = link.ariaLabel
      form.querySelector('.back').hidden = false
      this.save(quietly)
      if (!quietly) form.elements.body.focus()
    }

    cancel() {
      const {form} = this, title = form.querySelector('h3'), {parent} = form.elements
      const comment = this.comment(parent.value)
      parent.value = ''
      title.textContent = title.dataset.title
      form.querySelector('.back').hidden = true
      this.find('.home').append(form)
      this.save()
      comment?.querySelector('.reply')?.focus()
    }

    input({target}) {
      if (target.name == 'remember' && !target.checked) this.forgetMe()
      if (this.form?.contains(target)) this.save()
      writing().then(it => it?.input(this, target))
    }

    // ---- stored in the browser: a draft for this tab; names and tokens longer only with consent

    // Stores the draft. After a change the next request needs another key, since the service takes a key once.
    save(unchanged) {
      const draft = {key: unchanged && recall(this.draft).key}
      for (const name of ['parent', 'body', ...WHO]) draft[name] = this.form.elements[name].value
      draft.ticked = this.form.elements.remember.checked
      keep(this.draft, draft)
    }

    resume() {
      const {elements} = this.form, me = recall(this.me)
      const {parent, ...typed} = {ticked: !!me.lasting, ...me, ...recall(this.draft)}
      for (const name of ['body', ...WHO]) elements[name].value = typed[name] ?? ''
      elements.remember.checked = typed.ticked
      this.reply(this.comment(parent)?.querySelector('.reply'), true)
    }

    remember(id, headers) {
      const {elements} = this.form, {own, author} = recall(this.me), lasting = elements.remember.checked
      const me = {author: headers.get('Kaiwa-Author') ?? author, own: {...own}, lasting}
      const token = headers.get('Kaiwa-Token')
      if (token) me.own[this.page] = {...me.own[this.page], [id]: token}
      if (lasting) for (const name of WHO) me[name] = elements[name].value
      keep(this.me, me, lasting)
    }

    forgetMe() {
      const {author, own} = recall(this.me)
      keep(this.me, {author, own})
    }

    // ---- sending

    async submit(event) {
      const {target: form, submitter} = event
      event.preventDefault()
      const long = (await writing())?.tooLong(this, form)
      long ? long.focus() : this.send(form, submitter)
    }

    async send(form, button) {
      if (form.ariaBusy) return
      const body = new URLSearchParams(new FormData(form)), headers = {}, looking = button?.matches('.look')
      const act = looking ? this.look : form == this.form ? this.posted : this.amended
      if (act == this.posted) this.sign(body, headers)
      this.hold(form, true)
      const ask = () => this.ask(looking ? button.formAction : form.action, body, headers)
      let answer = await ask()
      const work = answer.status == 429 && answer.html.querySelector('[data-challenge]')
      if (work && await (await writing())?.solve(work, body)) answer = await ask()
      if (this.gone) return
      this.hold(form, false)
      form.querySelector('.excuse')?.remove()
      answer.ok ? act.call(this, form, answer) : this.refused(form, answer, () => this.send(form, button))
    }

    // The key is kept with the draft, so that a retry, also after a reload, stores the comment once.
    sign(body, headers) {
      const {author} = recall(this.me)
      if (author) body.set('author', author)
      // The thread that everybody gets says nothing of how this page is addressed and called; the comment does.
      for (const name of ['url', 'title', 'published']) body.set(name, this.where[name] ?? '')
      this.save(true)
      const draft = recall(this.draft)
      headers['Idempotency-Key'] = draft.key ||= random()
      keep(this.draft, draft)
    }

    hold(form, busy) {
      form.ariaBusy = busy || null
      for (const field of form.querySelectorAll('input,textarea')) field.readOnly = busy
    }

    // The service's own form with its errors where it sent one, else a sentence.
    refused(form, {status, html}, retry) {
      const ours = form == this.form, again = html.querySelector(ours ? '.respond' : '.mend')
      if (!again) return this.excuse(form, html, this.say.unsent, (!status || status >= 500) && retry)
      const parent = form.elements.parent?.value
      if (ours) keep(this.draft, {...recall(this.draft), key: ''})
      ;(ours ? form : form.closest('.mend')).replaceWith(again)
      if (ours) {
        this.prepare()
        this.reply(this.comment(parent)?.querySelector('.reply'), true)
      }
      again.querySelector('.summary,.notice,[aria-invalid]').focus()
    }

    look(form, {html}) {
      form.querySelector('.shown').replaceChildren(...html.childNodes)
    }

    posted(form, {html, headers, status}) {
      const comment = html.querySelector('article'), id = comment?.dataset.id
      this.remember(id, headers)
      keep(this.draft, {...recall(this.draft), body: '', parent: '', key: ''})
      form.remove()
      this.find('.home').append(this.blank.cloneNode(true))
      this.resume()
      this.find('[role=status]').replaceChildren(html.querySelector('.said'))
      if (comment) this.place(comment)
      this.point(comment)
      this.tell('posted', {id: +id, status: status == 201 ? 'approved' : 'pending'})
    }

    amended(form, {html}) {
      const comment = html.querySelector('article'), told = html.firstElementChild
      comment ? this.place(comment) : form.closest('.mend').replaceWith(told)
      ;(comment ?? told).focus()
    }

    // ---- the reader's own comments

    async showOwn() {
      const own = recall(this.me).own?.[this.page] ?? {}, tokens = Object.values(own)
      if (!tokens.length) return
      const {site, url, thread = '', lang} = this.where, body = new URLSearchParams({site, url, thread, lang})
      for (const token of tokens.reverse()) body.append('token', token)
      const {ok, html} = await this.ask('embed/own', body)
      if (!ok || this.gone) return
      // A comment that is public and cannot be edited any more needs no token.
      const now = recall(this.me)
      for (const id in own) if (!html.querySelector('#comment-' + id)) delete now.own[this.page][id]
      keep(this.me, now, now.lasting)
      for (const comment of html.querySelectorAll('article')) this.place(comment)
    }

    // Puts a comment where the tree wants it: behind its parent and all that already hangs there.
    place(comment) {
      const known = this.comment(comment.dataset.id)
      if (known) return known.replaceWith(comment)
      const list = this.find('.comments'), all = [...list.querySelectorAll('article')]
      const parent = all.indexOf(this.comment(comment.dataset.parent))
      let next = this.find('[data-newest-first]') ? 0 : all.length
      if (parent >= 0) for (next = parent + 1; all[next]?.dataset.depth >= +comment.dataset.depth;) next++
      all[next] ? all[next].before(comment) : list.append(comment)
    }
  }

  // ---- how many comments other articles have

  const count = async () => {
    const waiting = {}
    for (const element of document.querySelectorAll('[data-kaiwa-count]')) {
      const [url] = new URL(element.dataset.url || element.href || address(), location).href.split('#')
      ;(waiting[url] ??= []).push(element)
    }
    const query = new URLSearchParams({site: dataset.site})
    for (const url of Object.keys(waiting).slice(0, MOST_COUNTS)) query.append('url', url)
    if (!query.has('url')) return
    const answer = await fetch(new URL('embed/counts?' + query, src), {credentials: 'omit'})
    const {counts} = await answer.json()
    for (const url in counts) for (const element of waiting[url]) element.textContent = counts[url]
  }

  const mount = (element, options) => {
    if (!element.shadowRoot?.hasChildNodes()) threads.set(element, new Thread(element, options))
  }
  const unmount = element => threads.get(element)?.stop()

  // Browsers name the element with this id `window.kaiwa`; only another script of ours has `mount`.
  if (!window.kaiwa?.mount) window.kaiwa = {mount, unmount, count}
  const begin = () => {
    const element = document.getElementById('kaiwa')
    if (element) mount(element)
    count().catch(console.warn)
  }
  document.readyState == 'loading' ? document.addEventListener('DOMContentLoaded', begin) : begin()
})()
