// Forms that ask the browser for a passkey: the service's options go in, the signed answer goes out as a field.
import {parse} from './parse.js'

const bytes = text => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), each => each.charCodeAt(0))
const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
const PARTS = ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle', 'attestationObject']

for (const form of document.querySelectorAll('[data-passkey]')) form.addEventListener('submit', async event => {
  event.preventDefault()
  if (form.ariaBusy === 'true') return
  form.ariaBusy = 'true'
  tell(form, '')
  try {
    form.elements[form.dataset.field ?? 'credential'].value = JSON.stringify(await ask(form, await options(form)))
    form.submit()
  } catch (trouble) {
    console.warn(trouble)
    tell(form, trouble instanceof Refusal ? trouble.message : sentence(form, trouble))
  }
  form.ariaBusy = 'false'
})

class Refusal extends Error {}

const options = async form => {
  const body = new URLSearchParams({csrf_token: form.elements.csrf_token.value})
  const answer = await fetch(form.dataset.options, {method: 'POST', body, headers: {'X-Requested-With': 'fetch'}})
  if (answer.ok) return answer.json()
  const page = parse(await answer.text())
  throw new Refusal(page.querySelector('[role=alert]')?.textContent.trim() || form.querySelector('[data-trouble]').dataset.failed)
}

const ask = async (form, given) => {
  const known = list => list?.map(each => ({...each, id: bytes(each.id)}))
  const publicKey = {...given, challenge: bytes(given.challenge)}
  if (given.user) publicKey.user = {...given.user, id: bytes(given.user.id)}
  for (const name of ['allowCredentials', 'excludeCredentials']) if (given[name]) publicKey[name] = known(given[name])
  const {id, rawId, type, response} = await navigator.credentials[form.dataset.passkey]({publicKey})
  const parts = PARTS.filter(name => response[name]).map(name => [name, text(response[name])])
  return {id, rawId: text(rawId), type, response: Object.fromEntries(parts)}
}

// The browser tells neither a cancelled dialog from a missing passkey, nor why (WebAuthn, 14.5).
const sentence = (form, trouble) => {
  const words = form.querySelector('[data-trouble]').dataset
  return {NotAllowedError: words.cancelled, AbortError: words.cancelled, InvalidStateError: words.known}[trouble.name]
    ?? (trouble.name === 'TypeError' && navigator.credentials ? words.failed : words.unable)
}

const tell = (form, words) => {
  const place = form.querySelector('[data-trouble]')
  place.textContent = words
  place.hidden = !words
}
