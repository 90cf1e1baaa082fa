// Authors that a reader mutes: in this browser, for this site. An author is the name and the avatar that everybody sees.
const widgets = new Set()
let unsaved

class Mutes {
  constructor(thread, say) {
    const {muted: key, leaving, root} = thread
    Object.assign(this, {thread, say, key, shown: new Set(), status: make('p', 'trap')})
    this.status.role = 'status'
    root.append(this.status)
    widgets.add(this)
    leaving.signal.addEventListener('abort', () => widgets.delete(this))
    addEventListener('storage', event => {
      if (event.key && event.key != key) return
      this.reread()
      this.refresh()
    }, leaving)
    this.see(thread.box)
  }

  get names() {
    return Object(this.thread.tools.recall(this.key))
  }

  // Another tab may have changed the list.
  reread() {
    if (!unsaved) delete this.thread.tools.memory[this.key]
  }

  // Comments that have arrived, or the whole thread.
  see(html) {
    const all = html.matches?.('article') ? [html] : html.querySelectorAll('article')
    for (const comment of all) if (comment.querySelector('.name') && !comment.matches('.mine')) this.veil(comment)
    if (html == this.thread.box) this.list()
  }

  refresh() {
    still(this.thread, () => this.see(this.thread.box))
  }

  // Changes only what differs: this runs every 30 seconds, and must not take the focus.
  veil(comment) {
    const {say, names, shown} = this, {id} = comment.dataset, author = authorOf(comment), name = nameOf(comment)
    const muted = author in names, button = comment.querySelector('footer>.mute') ?? this.button(comment, author, name)
    const text = muted ? say.unmute : say.mute, label = fill(muted ? say.unmuteName : say.muteName, name)
    if (button.textContent != text) Object.assign(button, {textContent: text, ariaLabel: label})
    if (!muted) shown.delete(id)
    const hidden = muted && !shown.has(id), old = comment.querySelector('.veil')
    if (hidden == !!old) return
    const focused = comment.contains(this.thread.root.activeElement)
    comment.classList.toggle('muted', hidden)
    old?.remove()
    if (hidden) {
      const veil = make('p', 'veil', fill(say.muted, name)), show = act(say.show, fill(say.showBy, name), () => {
        shown.add(id)
        this.veil(comment)
      })
      veil.append(' ', show, ' ', act(say.unmute, label, () => this.change(author, name)))
      comment.prepend(veil)
    }
    if (focused) (comment.querySelector('.veil button') ?? comment).focus()
  }

  button(comment, author, name) {
    const button = act('', '', () => this.change(author, name)), footer = comment.querySelector('footer')
    footer?.insertBefore(button, footer.querySelector('.report'))
    return button
  }

  // Mutes an author, or no longer.
  change(author, name) {
    this.reread()
    const {key, say, thread: {tools: {memory}}} = this, names = {...this.names}, muted = !(author in names)
    if (muted) names[author] = name
    else delete names[author]
    memory[key] = names
    try {
      Object.keys(names)[0] ? localStorage.setItem(key, JSON.stringify(names)) : localStorage.removeItem(key)
      unsaved = false
    } catch (refused) {
      unsaved = true
      console.warn('kaiwa:', refused)
    }
    for (const each of widgets) if (each.key == key) each.refresh()
    this.status.textContent = fill(muted ? say.muted : say.unmuted, name)
  }

  // All muted authors of the site.
  list() {
    const {thread, say, names} = this, all = Object.entries(names), old = thread.find('.mutes'), state = JSON.stringify([names, unsaved])
    if (old ? this.state == state : !all[0]) return
    this.state = state
    const focused = old?.contains(thread.root.activeElement), box = make('details', 'mutes'), rows = make('ul')
    box.open = old?.open
    for (const [author, name] of all) {
      const row = make('li'), label = make('bdi', '', name)
      row.append(label, ' ', act(say.unmute, fill(say.unmuteName, name), () => this.change(author, name)))
      rows.append(row)
    }
    box.append(make('summary', '', fill(say.mutes, all.length)), make('p', '', unsaved ? say.mutesLost : say.mutesKept), rows)
    old?.remove()
    if (all[0]) thread.find('.comments').after(box)
    if (focused) thread.find('.mutes summary,.comments>article:last-of-type')?.focus()
  }
}

const fill = (sentence, value) => sentence.replace('{}', () => value)
const nameOf = comment => comment.querySelector('.name').textContent
const authorOf = comment => {
  const path = comment.querySelector('.avatar path')
  return [nameOf(comment), path?.getAttribute('fill'), path?.getAttribute('d')].join(' ')
}

const act = (text, ariaLabel, onclick) => {
  const button = make('button', 'mute', text)
  return Object.assign(button, {type: 'button', part: 'mute', ariaLabel, onclick})
}
