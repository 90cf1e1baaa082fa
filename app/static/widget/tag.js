// Where this script came from, and what its tag says. A module and a bundle have no current script.
const tag = document.currentScript ?? document.querySelector('script[data-site][src*="/embed.js"]')
const dataset = tag?.dataset ?? {}
const home = dataset.service || tag?.src || new Error().stack.match(/https?:\S+?\/embed\.js/)?.[0]

// The second part, for those who write.
const writing = () => import(new URL('writing.js', home))

const address = () => (document.querySelector('link[rel=canonical]')?.href || location.href).split('#')[0]

// The page that a widget shows: options of mount() override the element, and the element overrides the script.
const pageOf = (element, options) => {
  const given = {...dataset, ...element.dataset, ...options}, {site, thread, published, sort, section} = given
  const lang = given.lang || (element.closest('[lang]') ?? document.documentElement).lang
  return {site, url: given.url || address(), thread, title: given.title || document.title, published, lang, sort, section}
}

// The query of a thread. The title is for a post, and for the page in a frame.
const asked = fields => new URLSearchParams(Object.entries(fields).filter(([, value]) => value))
