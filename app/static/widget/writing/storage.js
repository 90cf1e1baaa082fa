// A draft is kept for this tab; names and tokens longer only with the reader's consent.
const keep = (memory, key, value, lasting) => {
  memory[key] = value
  try {
    localStorage.removeItem(key)
    sessionStorage.removeItem(key)
    const area = lasting ? localStorage : sessionStorage
    area.setItem(key, JSON.stringify(value))
  } catch (full) {
    console.warn('kaiwa:', full)
  }
}
