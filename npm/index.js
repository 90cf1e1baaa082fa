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

/** Show a thread in an element; return a function that removes it, also while it is still loading. */
export const show = (element, {service, ...options}) => {
  let wanted = true
  load(service).then(kaiwa => wanted && kaiwa.mount(element, options)).catch(console.error)
  return () => {
    wanted = false
    window.kaiwa?.unmount?.(element)
  }
}
