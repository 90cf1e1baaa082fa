// A reader may have switched storage off, or filled it: then the page's memory serves until it is left.
const memory = {}

const recall = key => {
  try {
    memory[key] ??= JSON.parse(localStorage.getItem(key) ?? sessionStorage.getItem(key))
  } catch {
    memory[key] = {}
  }
  return memory[key] ?? {}
}
