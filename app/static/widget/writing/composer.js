// What helps to write: buttons that type the marks of the text, a key that sends, pasted text that keeps its form.
const MARKS = {bold: ['**', '**'], link: ['[', '](https://)'], quote: ['> ', ''], code: ['`', '`']}

// As if typed, so that the browser can undo it.
const insert = (field, text) => {
  field.focus()
  if (document.execCommand('insertText', false, text)) return
  field.setRangeText(text, field.selectionStart, field.selectionEnd, 'end')
  field.dispatchEvent(new Event('input', {bubbles: true}))
}

const surround = (field, [before, after]) => {
  const {selectionStart: start, selectionEnd: end, value} = field, chosen = value.slice(start, end)
  if (after) insert(field, before + chosen + after)
  else insert(field, (start && value[start - 1] != '\n' ? '\n' : '') + before + chosen.replaceAll('\n', '\n' + before))
  if (after && !chosen) field.selectionStart = field.selectionEnd = start + before.length
}

const marks = (thread, field) => {
  const bar = document.createElement('span')
  Object.assign(bar, {className: 'marks', role: 'toolbar', ariaLabel: thread.say.formatting})
  for (const name in MARKS) {
    const button = document.createElement('button')
    Object.assign(button, {type: 'button', textContent: thread.say[name], onclick: () => surround(field, MARKS[name])})
    // The field keeps the focus, and a phone its keyboard.
    button.onpointerdown = event => event.preventDefault()
    button.part = 'button'
    bar.append(button)
  }
  field.after(bar)
}

// The same help as below the form of the page without scripts.
const help = thread => {
  const html = HELP[thread.find('.thread').lang.toLowerCase()]
  thread.form.append(...thread.tools.parse(html).childNodes)
}

// Pasted paragraphs, lists and links, as the reader would have typed them.
const typed = node => {
  const inner = () => [...node.childNodes].map(typed).join('')
  if (node.nodeType == Node.TEXT_NODE) return node.data.replace(/\s+/g, ' ')
  if (node.nodeType != Node.ELEMENT_NODE || node.matches('style,script,title')) return ''
  if (node.matches('br')) return '\n'
  if (node.matches('li')) return `- ${inner().trim()}\n`
  if (node.matches('a[href^=http]')) return link(inner().trim(), node.getAttribute('href'))
  return node.matches('p,div,ul,ol,blockquote,pre,h1,h2,h3,h4') ? `\n\n${inner().trim()}\n\n` : inner()
}
const link = (text, href) => {
  const code = letter => '%' + letter.charCodeAt().toString(16)
  return !text || text == href ? href : `[${text.replace(/[[\]]/g, '\\$&')}](${href.replace(/[()\s]/g, code)})`
}

// A document of its own, which runs and loads nothing. A page with Trusted Types may refuse it: then the plain text is
// pasted.
const parsed = html => {
  try {
    return new DOMParser().parseFromString(html, 'text/html').body
  } catch (refused) {
    console.warn('kaiwa:', refused)
    return document.createElement('p')
  }
}

const paste = event => {
  const html = event.clipboardData?.getData('text/html')
  if (!html || event.target.name != 'body') return
  const text = typed(parsed(html)).replace(/ *\n */g, '\n').replace(/\n{3,}/g, '\n\n').trim()
  if (!text) return
  event.preventDefault()
  insert(event.target, text)
}

const sends = ({key, ctrlKey, metaKey, isComposing, target}) =>
  key == 'Enter' && (ctrlKey || metaKey) && !isComposing && target.name == 'body'
