// The second part of the widget: replies, drafts, sending, reports, more comments. It is loaded when it is needed first.
const random = () => crypto.getRandomValues(new Uint32Array(4)).join('-')

export class Writing {
  constructor(thread) {
    this.thread = thread
    this.recall = thread.tools.recall
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(STYLE)
    thread.root.adoptedStyleSheets = [...thread.root.adoptedStyleSheets, sheet]
    thread.root.addEventListener('paste', paste, thread.leaving)
    thread.root.addEventListener('keydown', event => this.press(event), thread.leaving)
  }

  keep(...what) {
    keep(this.thread.tools.memory, ...what)
  }

  get form() {
    return this.thread.form
  }

  press(event) {
    if (!sends(event)) return
    event.preventDefault()
    const {form} = event.target
    form.requestSubmit(form.querySelector('.submit'))
  }

  // maxlength counts UTF-16 units and cuts pasted text; we count characters and show the excess.
  prepare() {
    if (this.form && !this.form.querySelector('.marks')) {
      marks(this.thread, this.form.elements.body)
      help(this.thread)
    }
    for (const field of this.form?.querySelectorAll('[maxlength]') ?? []) {
      field.dataset.max = field.maxLength
      field.removeAttribute('maxlength')
    }
  }

  input(field) {
    if (field.name == 'remember' && !field.checked) this.forgetMe()
    // Until the comment is sent, and in no storage.
    if (field.name == 'accepted') this.accepted = field.checked && field.value
    if (this.form?.contains(field)) this.save()
    if (field.matches('.wrong *') && looksRight(field)) clear(this.thread, field)
    measure(this.thread, field)
    begin(this.thread)
  }

  // A sentence that appears between press and release would move the button from under the pointer.
  leave(field, next) {
    if (field.type != 'email' || next?.matches('button')) return
    setTimeout(() => {
      if (field.isConnected && field.value && !looksRight(field)) mark(field, this.thread.say.email)
    }, 300)
  }

  async more(link) {
    const {thread} = this, spot = link.parentNode
    const {ok, html} = await thread.ask('embed/thread' + new URL(link.href).search)
    if (thread.gone) return
    if (!ok) return thread.excuse(spot, html, thread.say.unread, () => spot.replaceChildren(link))
    thread.localise(html)
    // In the page of its own, a parent may be on another page.
    for (const link of html.querySelectorAll('.to')) link.href = link.hash
    further(thread, html.querySelector('.comments'), spot)?.focus()
  }

  async sort(link) {
    this.thread.where.sort = new URL(link.href).searchParams.get('sort')
    if (await this.thread.load()) this.thread.find('.sort').focus()
  }

  async all() {
    if (await this.thread.load()) this.thread.find('article')?.focus()
  }

  // Goes to a field or a comment of this thread; fetches the comment's part of it where it is not here.
  async visit({hash}) {
    const {thread} = this, id = hash.slice(1), number = id.match(/^(?:comment|isso)-(\d+)$/)?.[1]
    if (this.included?.visit(id)) return
    if (!number) return thread.root.getElementById(id)?.focus()
    if (thread.comment(number) || await thread.load({comment: number})) this.point(thread.comment(number))
  }

  point(comment) {
    this.thread.find('.target')?.classList.remove('target')
    comment?.classList.add('target')
    comment?.closest('.branch')?.setAttribute('open', '')
    comment?.focus()
  }

  adopt = () => adopt(this)
  hint = () => hint(this.thread)

  // ---- the place of the form

  reply(link, quietly) {
    const {form} = this
    // Where only members may comment, others have no form.
    if (!link || !form) return link && this.thread.find('.for-members')?.focus()
    link.closest('article').after(form)
    form.elements.parent.value = link.closest('article').dataset.id
    form.querySelector('h3').textContent = link.ariaLabel
    form.querySelector('.back').hidden = false
    this.save(quietly)
    if (!quietly) form.elements.body.focus()
  }

  cancel() {
    const {form, thread} = this, title = form.querySelector('h3'), {parent} = form.elements
    const comment = thread.comment(parent.value)
    parent.value = ''
    title.textContent = title.dataset.title
    form.querySelector('.back').hidden = true
    thread.find('.home').append(form)
    this.save()
    comment?.querySelector('.reply')?.focus()
  }

  // Puts the form of a report in the place of its link.
  async report(link) {
    const {html} = await this.thread.ask(link.href), box = html.querySelector('.mend')
    if (!box) return link.replaceWith(html.firstElementChild ?? link)
    link.replaceWith(box)
    this.offerCancel(box, link)
    box.querySelector('[type=radio]').focus()
  }

  // The button, or Escape, brings the link back.
  offerCancel(box, link) {
    const button = document.createElement('button'), back = () => {
      box.replaceWith(link)
      link.focus()
    }
    Object.assign(button, {type: 'button', className: 'quit', textContent: this.thread.say.cancel, onclick: back})
    button.part = 'button'
    box.onkeydown = event => event.key == 'Escape' && !event.isComposing && back()
    box.querySelector('.send').append(button)
    box.link = link
  }

  // ---- stored in the browser: a draft for this tab; names and tokens longer only with consent

  // Names of the fields about the reader, which the browser may remember.
  get who() {
    return [...this.form.querySelectorAll('.who-fields input')].map(({name}) => name)
  }

  // Stores the draft. After a change the next request needs another key, since the service takes a key once.
  save(unchanged) {
    const {draft: key} = this.thread, draft = {key: unchanged && this.recall(key).key}
    for (const name of ['parent', 'body', 'notify', ...this.who]) draft[name] = this.form.elements[name]?.value
    draft.ticked = this.form.elements.remember?.checked
    draft.member = !!this.thread.member
    this.keep(key, draft)
  }

  // Puts back what the reader had typed, and shows their own comments.
  resume() {
    if (this.form) this.fill()
    this.showOwn()
  }

  fill() {
    const {thread} = this, {elements} = this.form, me = this.recall(thread.me), draft = this.recall(thread.draft)
    // A draft of a member is not shown to other people at this browser.
    const {parent, ...typed} = {ticked: !!me.lasting, ...me, ...(thread.member || !draft.member) && draft}
    for (const name of ['body', 'notify', ...this.who]) {
      const field = elements[name]
      if (field) field.value = typed[name] ?? field.defaultValue ?? field.value
    }
    if (elements.remember) elements.remember.checked = typed.ticked
    tick(this.form, [this.accepted, ...me.accepted ?? []])
    this.reply(thread.comment(parent)?.querySelector('.reply'), true)
  }

  remember(id, headers) {
    if (this.thread.member) return
    const {me: key, page} = this.thread, {elements} = this.form, {own, author, accepted} = this.recall(key)
    const lasting = elements.remember.checked, token = headers.get('Kaiwa-Token')
    const me = {author: headers.get('Kaiwa-Author') ?? author, own: {...own}, lasting}
    if (token) me.own[page] = {...me.own[page], [id]: token}
    if (lasting) for (const name of this.who) me[name] = elements[name].value
    if (lasting) me.accepted = accept(this.form, accepted)
    this.keep(key, me, lasting)
  }

  forgetMe() {
    const {me} = this.thread, {author, own} = this.recall(me)
    this.keep(me, {author, own})
  }

  // ---- sending

  submit(form, button) {
    if (button?.matches('.vote')) return vote(this.thread, form, button)
    // The first field that holds too much, if any.
    const long = [...form.elements].find(field => measure(this.thread, field))
    long ? long.focus() : this.send(form, button)
  }

  async send(form, button) {
    if (form.ariaBusy) return
    const {thread} = this, body = new URLSearchParams(new FormData(form)), headers = {}
    const looking = button?.matches('.look')
    const act = looking ? this.look : form == this.form ? this.posted : this.amended
    if (act == this.posted) this.sign(body, headers)
    this.hold(form, true)
    const ask = () => thread.ask(looking ? button.formAction : form.action, body, headers)
    let answer = await ask()
    const work = answer.status == 429 && answer.html.querySelector('[data-challenge]')
    if (work && await solve(work, body)) answer = await ask()
    if (thread.gone) return
    this.hold(form, false)
    form.querySelector('.excuse')?.remove()
    answer.ok ? act.call(this, form, answer) : this.refused(form, answer, () => this.send(form, button))
  }

  // The key is kept with the draft, so that a retry, also after a reload, stores the comment once.
  sign(body, headers) {
    const {me, draft: key, where, member} = this.thread, {author} = member ?? this.recall(me)
    if (author) body.set('author', author)
    // The thread that everybody gets says nothing of how this page is addressed and called; the comment does.
    for (const name of ['url', 'title', 'published']) body.set(name, where[name] ?? '')
    this.save(true)
    const draft = this.recall(key)
    headers['Idempotency-Key'] = draft.key ||= random()
    this.keep(key, draft)
  }

  hold(form, busy) {
    form.ariaBusy = busy || null
    for (const field of form.querySelectorAll('input,textarea')) field.readOnly = busy
  }

  // The service's own form with its errors where it sent one, else a sentence.
  refused(form, {status, html}, retry) {
    const {thread} = this, ours = form == this.form, again = html.querySelector(ours ? '.respond' : '.mend')
    if (!again) return thread.excuse(form, html, thread.say.unsent, (!status || status >= 500) && retry)
    const parent = form.elements.parent?.value, old = ours ? form : form.closest('.mend')
    if (ours) this.keep(thread.draft, {...this.recall(thread.draft), key: ''})
    // The service takes the member's log-in no longer.
    if (ours && !again.querySelector('.as')) delete thread.member
    old.replaceWith(again)
    if (old.link) this.offerCancel(again, old.link)
    if (ours) {
      this.prepare()
      this.reply(thread.comment(parent)?.querySelector('.reply'), true)
    }
    again.querySelector('.summary,.notice,[aria-invalid]').focus()
  }

  look(form, {html}) {
    form.querySelector('.shown').replaceChildren(...html.childNodes)
    clear(this.thread, form.elements.body)
  }

  posted(form, {html, headers, status}) {
    const {thread} = this, comment = html.querySelector('article'), id = comment?.dataset.id
    this.remember(id, headers)
    this.accepted = ''
    this.keep(thread.draft, {...this.recall(thread.draft), body: '', parent: '', key: ''})
    form.remove()
    thread.find('.home').append(thread.blank.cloneNode(true))
    this.prepare()
    this.fill()
    thread.find('[role=status]').replaceChildren(html.querySelector('.said'))
    if (comment) this.place(comment)
    this.point(comment)
    thread.tell('posted', {id: +id, status: status == 201 ? 'approved' : 'pending'})
    prove(thread, comment => this.place(comment)).catch(console.warn)
  }

  amended(form, {html}) {
    const comment = html.querySelector('article'), told = html.firstElementChild
    comment ? this.place(comment) : form.closest('.mend').replaceWith(told)
    ;(comment ?? told).focus()
  }

  showOwn() {
    return showOwn(this)
  }

  place(comment) {
    const focused = this.thread.root.activeElement?.id == comment.id
    place(this.thread, comment)
    if (focused) this.point(comment)
  }
}
