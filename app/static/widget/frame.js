// Old browsers, and pages whose policy forbids to parse HTML, get the thread as a page in a frame.
const FRAME_HEIGHT = 900 // px, until the page in it has told its own height

let sheet
const able = () => {
  try {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(STYLE)
    parse('<p>')
    return CSS.supports('color', 'color-mix(in srgb,red,red)')
  } catch (unable) {
    console.warn('kaiwa:', unable)
  }
}

const framed = (where, title, signal) => {
  const frame = make('iframe'), page = new URL('thread?' + asked(where), home)
  frame.title = title
  frame.style.cssText = `display:block;width:100%;height:${FRAME_HEIGHT}px;border:0`
  frame.src = page
  addEventListener('message', ({origin, source, data}) => {
    const {kaiwa} = Object(data)
    if (origin == page.origin && source == frame.contentWindow && kaiwa > 0) frame.style.height = kaiwa + 'px'
  }, {signal})
  return frame
}
