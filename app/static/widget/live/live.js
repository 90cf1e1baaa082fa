// The third part of the widget, for readers who stay: times that go on, keys, the page's colours, new comments, muted authors.
// It is loaded when the thread is in view.
const TICK = 30000 // ms
const sheet = new CSSStyleSheet()
sheet.replaceSync(STYLE)

const make = (name, look = '', text = '') => {
  const element = document.createElement(name)
  element.className = look
  element.append(text)
  return element
}

export class Live {
  constructor(thread) {
    const {root, leaving} = this.thread = thread, section = thread.find('.thread'), say = SAY[section.lang]
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet]
    follow(thread)
    root.addEventListener('keydown', step, leaving)
    printing(root, leaving)
    claim(thread)
    this.mutes = new Mutes(thread, say)
    welcome(thread)
    const clock = setInterval(() => this.tick(), TICK)
    leaving.signal.addEventListener('abort', () => clearInterval(clock))
    if (!('live' in section.dataset)) return
    this.fresh = new Fresh(thread, say)
    this.poll()
  }

  poll() {
    this.polling = new Poll(this.thread, html => this.fresh.take(html))
  }

  see(html) {
    this.mutes.see(html)
  }

  tick() {
    const {thread, polling} = this
    if (document.hidden || !thread.element.isConnected) return
    thread.localise(thread.box)
    // The page had removed the element, and has put it back.
    if (polling?.gone) this.poll()
  }
}
