// Loads the widget of a Kaiwa service, and mounts it. The widget itself always comes from the service.
const loading = new Map()

/** Resolve with `window.kaiwa`; the script of a service is loaded once. */
export const load = service => {
  const src = new URL('embed.js', service.replace(/\/*$/, '/')).href
  if (!loading.has(src)) loading.set(src, insert(src))
  return loading.get(src)
}

const insert = src => new Promise((resolve, reject) => {
  const script = document.createElement('script')
  Object.assign(script, {src, async: true, onload: () => resolve(window.kaiwa), onerror: () => {
    loading.delete(src)
    script.remove()
    reject(new Error(`${src} cannot be loaded`))
  }})
  document.head.append(script)
})

// The latest call for an element; those that are still loading have no effect.
const latest = new WeakMap()

/** Show a thread in an element, or another one than before; return a function that removes it, also while it is loading. */
export const show = (element, {service, ...options}) => {
  const call = {}
  latest.set(element, call)
  load(service).then(kaiwa => latest.get(element) == call && kaiwa.mount(element, options)).catch(console.error)
  return () => {
    latest.delete(element)
    window.kaiwa?.unmount?.(element)
  }
}
