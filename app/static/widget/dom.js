// HTML of the service becomes nodes here and nowhere else.
const words = text => text.split(' ')

// What the fragment is made of and nothing else, for browsers with the Sanitizer API.
const sanitizer = {
  elements: [
    ...words('section header footer article div span p h2 h3 h4 a b strong em s del code pre blockquote ul ol li br ' +
      'time form fieldset legend label input textarea select option button details summary'),
    ...['svg', 'path'].map(name => ({name, namespace: 'http://www.w3.org/2000/svg'})),
  ],
  removeAttributes: ['style'],
}

// Without the Sanitizer API, a page with Trusted Types must allow this policy; a document that is parsed runs no script.
const plain = {createHTML: html => html}
let policy
const parse = html => {
  const box = document.createElement('div')
  if (box.setHTML) box.setHTML(html, {sanitizer})
  else {
    policy ??= window.trustedTypes?.createPolicy('kaiwa', plain) ?? plain
    const {body} = new DOMParser().parseFromString(policy.createHTML(html), 'text/html')
    box.append(...document.importNode(body, true).childNodes)
  }
  return box
}

const make = (name, look = '', text = '') => {
  const element = document.createElement(name)
  element.className = look
  element.append(text)
  return element
}
