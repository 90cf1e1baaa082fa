// Puts a comment where the tree wants it: behind its parent and all that already hangs there.
const place = (thread, comment) => {
  thread.localise(comment)
  const known = thread.comment(comment.dataset.id)
  if (known) return known.replaceWith(comment)
  const list = thread.find('.comments'), all = [...list.querySelectorAll('article')]
  const parent = all.indexOf(thread.comment(comment.dataset.parent))
  let next = thread.find('[data-newest-first]') ? 0 : all.length
  if (parent >= 0) for (next = parent + 1; all[next]?.dataset.depth >= +comment.dataset.depth;) next++
  all[next] ? all[next].before(comment) : list.append(comment)
}
