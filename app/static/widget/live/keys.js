// J and K: the next and the previous thread. Only while the focus is inside the comments and not in a field (WCAG 2.2,
// 2.1.4), so that the keys of the page, of an IME and of the browser stay theirs.
const STEPS = {j: 1, k: -1}
const OTHERS = 'input,textarea,select,[contenteditable]'

const step = event => {
  const by = STEPS[event.key?.normalize('NFKC').toLowerCase()], {target} = event
  if (!by || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing) return
  if (event.defaultPrevented || target.closest(OTHERS)) return
  const stops = target.closest('.thread')?.querySelectorAll('.depth-0,.further:not(.replies) .more') ?? []
  const way = by > 0 ? Node.DOCUMENT_POSITION_FOLLOWING : Node.DOCUMENT_POSITION_PRECEDING
  const stop = [...stops].filter(it => target.compareDocumentPosition(it) & way).at(by > 0 ? 0 : -1)
  if (!stop) return
  event.preventDefault()
  event.stopPropagation()
  stop.focus({preventScroll: true})
  stop.scrollIntoView()
}
