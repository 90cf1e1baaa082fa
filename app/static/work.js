// Solves a challenge of ALTCHA's protocol, version 2 with PBKDF2; loaded only where a proof of work is asked for.
// The browser derives keys on threads of its own, so that the page stays as quick as it was.
const bytes = hex => Uint8Array.from(hex.match(/../g), pair => parseInt(pair, 16))
const hex = buffer => Array.from(new Uint8Array(buffer), byte => byte.toString(16).padStart(2, '0')).join('')

// Returns what the service is to be sent.
export const solve = async challenge => {
  const {algorithm, cost, keyLength, keyPrefix, nonce, salt} = challenge.parameters
  const how = {name: 'PBKDF2', hash: algorithm.split('/')[1], salt: bytes(salt), iterations: cost}
  const password = new Uint8Array([...bytes(nonce), 0, 0, 0, 0]), end = new DataView(password.buffer)
  for (let counter = 0; ; counter++) {
    end.setUint32(password.length - 4, counter)
    const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits'])
    const derivedKey = hex(await crypto.subtle.deriveBits(how, key, keyLength * 8))
    if (derivedKey.startsWith(keyPrefix)) return btoa(JSON.stringify({challenge, solution: {counter, derivedKey}}))
  }
}
