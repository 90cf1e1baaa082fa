// Changes the page above or below without moving the text that is being read.

const scrollerOf = element => {
  for (let at = element; at; at = at.assignedSlot ?? at.parentElement ?? at.getRootNode().host) {
    if (at == document.body || at == document.documentElement) break
    if (/auto|scroll/.test(getComputedStyle(at).overflowY) && at.scrollHeight > at.clientHeight) return at
  }
  return document.scrollingElement
}

const isInView = element => {
  const {top, bottom} = element?.getBoundingClientRect() ?? {}
  return bottom > 0 && top < innerHeight
}

// The field of a reader who types, or else the first comment in view.
const inSight = ({root}) => {
  const field = root.activeElement?.closest('form') && root.activeElement
  return isInView(field) ? field : [...root.querySelectorAll('article,.respond')].find(isInView)
}

const still = (thread, change) => {
  const mark = inSight(thread), before = mark?.getBoundingClientRect().top
  change()
  const moved = mark && mark.getBoundingClientRect().top - before
  if (moved) scrollerOf(thread.element).scrollBy({top: moved, behavior: 'instant'})
}
