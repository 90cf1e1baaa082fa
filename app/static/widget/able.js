// Old browsers, and pages whose policy forbids to parse HTML, get the thread as a page in a frame: writing/frame.js.
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
