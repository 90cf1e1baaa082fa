// Follows the page's colours. They change by an attribute, by the system, or by a style sheet: of the last, the probe's
// own transition tells, since it inherits the text's colour; and where only a background changes, the pointer that comes.
const follow = thread => {
  const {element, root, leaving, tools: {around, tag}} = thread, dress = () => thread.dress()
  const on = (target, type, act = dress) => target.addEventListener(type, act, leaving)
  on(matchMedia('(prefers-color-scheme:dark)'), 'change')
  on(root, 'transitionend')
  on(element, 'pointerenter')
  on(window, 'resize')
  // A page that fades is looked at once more at the end.
  on(document, 'transitionend', ({target}) => target.contains(element) && dress())
  const watch = new MutationObserver(changes => {
    // The latest theme wins, also after kaiwa.mount() with a theme.
    if (changes.some(it => it.target == element && it.attributeName == 'data-theme')) thread.theme = null
    dress()
  })
  for (const target of [...around(element), ...tag ? [tag] : []]) watch.observe(target, {attributes: true})
  on(leaving.signal, 'abort', () => watch.disconnect())
  dress()
}
