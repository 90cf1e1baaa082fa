// What the page of its own can do where scripts run. Before it: times.js, live/keys.js and live/print.js of widget/.
const TICK = 30000 // ms

// A narrower text must not move what follows it in the line.
for (const [link, width] of [...document.querySelectorAll('.when')].map(link => [link, link.offsetWidth])) {
  link.style.minWidth = width + 'px'
}
const tick = () => localise(document, document.querySelector('.thread').lang)
tick()
setInterval(() => document.hidden || tick(), TICK)
document.addEventListener('keydown', step)
printing(document)
// Not all browsers open a collapsed branch for a link into it.
addEventListener('hashchange', () => document.querySelector('.branch:has(:target)')?.setAttribute('open', ''))

// Tells the page around this frame how tall the thread is. Only pages of the site may frame it (frame-ancestors), and
// they check who speaks; a height is no secret.
const tell = () => parent.postMessage({kaiwa: Math.ceil(document.body.getBoundingClientRect().height)}, '*')
if (parent != window) new ResizeObserver(tell).observe(document.body)
