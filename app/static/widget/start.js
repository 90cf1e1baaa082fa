// What the page gets: `window.kaiwa`, the widget in #kaiwa, and how many comments other articles have.

// Who comments: a token that the publisher has signed, or null after a log-out. The third part listens.
const member = value => {
  memory.member = value ?? ''
  dispatchEvent(new CustomEvent('kaiwa:member'))
}

const counted = element => new URL(element.dataset.url || element.href || address(), location).href.split('#')[0]

const count = async () => {
  const elements = [...document.querySelectorAll('[data-kaiwa-count]')]
  const urls = [...new Set(elements.map(counted))].slice(0, 100) // as many as the service answers
  if (!urls[0]) return
  const query = new URLSearchParams([['site', dataset.site], ...urls.map(url => ['url', url])])
  const answer = await fetch(new URL('embed/counts?' + query, home), {credentials: 'omit'})
  const {counts} = await answer.json()
  for (const element of elements) if (counted(element) in counts) element.textContent = counts[counted(element)]
}

const threads = new WeakMap()
// Sites change the title when they like; that is no other page.
const sameness = where => JSON.stringify({...where, title: ''})

// A router may keep the element and call this for the next page.
const mount = (element, options) => {
  const known = threads.get(element), where = pageOf(element, options), same = sameness(where), {theme} = options ?? {}
  if (known && !known.gone && known.same == same) {
    known.theme = theme ?? known.theme
    return known.dress()
  }
  known?.stop()
  threads.set(element, Object.assign(new Thread(element, where, theme), {same}))
}
const unmount = element => threads.get(element)?.stop()

// "dark", "light" or "auto"; later changes of data-theme count as well.
const theme = (element, name) => {
  const thread = threads.get(element)
  if (thread) delete thread.theme
  element.dataset.theme = name
  thread?.dress()
}


// Browsers name the element with this id `window.kaiwa`; only another script of ours has `mount`.
if (!window.kaiwa?.mount) window.kaiwa = {mount, theme, unmount, member, count}

// The same as an element that mounts itself, for frameworks and editors of pages: <kaiwa-comments site="...">.
class Comments extends HTMLElement {
  static observedAttributes = words('site url thread lang theme')

  // Frameworks set one attribute after the other: after the last one, mounting once more changes nothing.
  async connectedCallback() {
    await 0
    if (this.isConnected) mount(this, Object.fromEntries([...this.attributes].map(({name, value}) => [name, value])))
  }

  disconnectedCallback() {
    unmount(this)
  }

  attributeChangedCallback(name, before, now) {
    name == 'theme' ? theme(this, now ?? 'auto') : this.connectedCallback()
  }
}
if (!customElements.get('kaiwa-comments')) customElements.define('kaiwa-comments', Comments)

// A router that swaps the body runs its script tags again: the first script keeps all widgets.
const begin = () => {
  const element = document.getElementById('kaiwa')
  if (element) window.kaiwa.mount(element, {...dataset, ...element.dataset, theme: undefined})
}
const finish = () => {
  begin()
  count().catch(console.warn)
}
// At once, so that the room is taken before what stands below is painted.
begin()
document.readyState == 'loading' ? document.addEventListener('DOMContentLoaded', finish) : finish()
