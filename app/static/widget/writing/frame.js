// The thread as a page in a frame.
const FRAME_HEIGHT = 900 // px, until the page in it has told its own height

export const framed = ({root, say, leaving: {signal}}, page) => {
  if (signal.aborted) return
  const frame = document.createElement('iframe')
  frame.title = say.comments
  frame.style.cssText = `display:block;width:100%;height:${FRAME_HEIGHT}px;border:0`
  frame.src = page
  addEventListener('message', ({origin, source, data}) => {
    const {kaiwa} = Object(data)
    if (origin == page.origin && source == frame.contentWindow && kaiwa > 0) frame.style.height = kaiwa + 'px'
  }, {signal})
  root.replaceChildren(frame)
}
