// Asks for the thread every 30 to 60 seconds, with its ETag, while the tab is visible and the reader is active. The service
// answers from its cache, most often with 304.
const SHORTEST = 30000, SPREAD = 30000, PROMPT = 3000 // ms between two requests; and after the reader came back
const IDLE = 600000, LONGEST = 600000, PATIENCE = 30000 // ms
const ACTS = ['pointerdown', 'pointermove', 'keydown', 'scroll', 'wheel', 'touchmove', 'focus']

// Milliseconds; a proxy may send a date.
const retryAfter = value => !value ? 0 : isNaN(value) ? Date.parse(value) - Date.now() || 0 : value * 1000

class Poll {
  constructor(thread, take) {
    const leaving = new AbortController(), options = {signal: leaving.signal, passive: true, capture: true}
    Object.assign(this, {thread, take, leaving, failures: 0, active: Date.now()})
    for (const type of ACTS) addEventListener(type, () => this.wake(), options)
    document.addEventListener('visibilitychange', () => document.hidden ? this.pause() : this.wake(), options)
    thread.leaving.signal.addEventListener('abort', () => this.stop(), options)
    this.wait(0)
  }

  get gone() {
    return this.leaving.signal.aborted
  }

  get awake() {
    return this.thread.element.isConnected && !document.hidden && !this.gone && Date.now() - this.active < IDLE
  }

  wake() {
    this.active = Date.now()
    if (!this.timer && !this.asking) this.plan()
  }

  stop() {
    this.pause()
    this.leaving.abort()
  }

  pause() {
    clearTimeout(this.timer)
    this.timer = null
  }

  // The next request is not before `least` ms.
  wait(least) {
    this.due = Date.now() + Math.max(least, SHORTEST) + Math.random() * SPREAD
    this.plan()
  }

  plan() {
    this.pause()
    // A page may remove the element without unmount().
    if (!this.thread.element.isConnected) this.stop()
    if (!this.awake) return
    this.timer = setTimeout(() => this.ask(), Math.max(this.due - Date.now(), Math.random() * PROMPT))
  }

  async ask() {
    this.timer = null
    if (!this.awake) return this.plan()
    this.asking = true
    const {ok, headers} = await this.request()
    this.asking = false
    if (this.gone) return
    this.failures = ok ? 0 : this.failures + 1
    this.wait(Math.max(Math.min(SHORTEST * 2 ** this.failures, LONGEST), retryAfter(headers?.get('retry-after'))))
  }

  // The browser's own cache sends the ETag: a header of ours would cost a preflight.
  async request() {
    const {thread, leaving: {signal}} = this, patience = AbortSignal.timeout(PATIENCE)
    const address = new URL('embed/thread?' + thread.query(), import.meta.url)
    try {
      const answer = await fetch(address, {credentials: 'omit', signal: AbortSignal.any?.([signal, patience]) ?? patience})
      const tag = address + answer.headers.get('etag')
      if (answer.ok && tag != this.tag) {
        const text = await answer.text()
        if (!this.gone) this.take(thread.tools.parse(text))
        this.tag = tag
      } else answer.body?.cancel()
      return answer
    } catch (silence) {
      if (!this.gone) console.warn('kaiwa:', silence)
      return {}
    }
  }
}
