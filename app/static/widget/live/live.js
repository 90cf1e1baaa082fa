// The third part of the widget, for readers who stay: times that go on, keys, the page's colours. It is loaded when the thread is in view.
const TICK = 30000 // ms
const sheet = new CSSStyleSheet()
sheet.replaceSync(STYLE)

export class Live {
  constructor(thread) {
    const {root, leaving} = this.thread = thread
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet]
    follow(thread)
    root.addEventListener('keydown', step, leaving)
    printing(root, leaving)
    claim(thread)
    const clock = setInterval(() => this.tick(), TICK)
    leaving.signal.addEventListener('abort', () => clearInterval(clock))
  }

  tick() {
    if (!document.hidden) this.thread.localise(this.thread.box)
  }
}
