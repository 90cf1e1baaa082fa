// The state that the page's signed attribute claims. The service takes it once; then the thread is read again.
const CACHED = 2500 // ms, after which no cache has the thread as it was before

const claim = async thread => {
  const {element, where: {site, url, thread: id = ''}} = thread
  const state = element.dataset.state ?? element.getAttribute('state') ?? thread.tools.tag?.dataset.state
  if (!state || state.split(' ')[0] == thread.find('.thread').dataset.state) return
  const {status} = await thread.ask('embed/state', new URLSearchParams({site, url, thread: id, state}))
  // A reader who writes already keeps the text, and is told when it is sent.
  if (status == 200) setTimeout(() => thread.gone || thread.form?.elements.body.value || thread.load(), CACHED)
}
