// Where a comment belongs: behind its parent and all that already hangs there. The replies of a root are a branch, which a
// reader may collapse.

// Behind an element, and behind the form of a reader who replies to it.
const behind = at => at.nextElementSibling?.matches('.respond') ? at.nextElementSibling : at

const branchOf = root => {
  const last = behind(root), next = last.nextElementSibling
  if (next?.matches('.branch')) return next
  const branch = document.createElement('details'), summary = document.createElement('summary')
  Object.assign(branch, {className: 'branch', part: 'branch', open: true})
  summary.part = 'replies'
  branch.append(summary)
  last.after(branch)
  return branch
}

// Says how many replies a branch hides, after some have come.
const recount = (thread, branch) => {
  if (!branch) return
  const {lang} = thread.find('.thread'), {more, ...forms} = REPLIES[lang], count = branch.querySelectorAll('article').length
  const form = branch.querySelector('.further') ? more : forms[new Intl.PluralRules(lang).select(count)]
  branch.firstElementChild.textContent = form.replace('{n}', count)
}

const hang = (thread, comment, parent) => {
  const {id, depth} = comment.dataset, all = [...thread.find('.comments').querySelectorAll('article')]
  let last = parent
  for (const next of all.slice(all.indexOf(parent) + 1)) {
    const below = next.dataset.depth - depth
    if (below < 0 || !below && +next.dataset.id > id) break
    last = next
  }
  const branch = parent.matches('.depth-0') && branchOf(parent)
  last == parent && branch ? branch.firstElementChild.after(comment) : behind(last).after(comment)
  recount(thread, comment.closest('.branch'))
}

const place = (thread, comment) => {
  thread.localise(comment)
  const known = thread.comment(comment.dataset.id), parent = thread.comment(comment.dataset.parent)
  if (known) return known.replaceWith(comment)
  if (parent) return hang(thread, comment, parent)
  const list = thread.find('.comments')
  list.querySelector('.none')?.remove()
  thread.find('[data-newest-first]') ? list.prepend(comment) : list.append(comment)
}

// Puts the comments of a further page in the place of its link, without those that are here.
const further = (thread, list, spot) => {
  const isHere = ({dataset}) => thread.comment(dataset.id), branch = spot.closest('.branch')
  const parted = [...list.querySelectorAll('.branch')].filter(each => isHere(each.previousElementSibling))
  for (const comment of list.querySelectorAll('article')) if (isHere(comment)) comment.remove()
  const loose = parted.flatMap(each => [...each.querySelectorAll('article')])
  for (const each of parted) each.remove()
  const found = [...list.children]
  spot.replaceWith(...found)
  recount(thread, branch)
  for (const comment of loose) place(thread, comment)
  return found[0] ?? loose[0]
}
