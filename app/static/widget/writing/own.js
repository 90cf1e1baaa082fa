// The reader's own comments on this page that are pending or may still be edited.
const showOwn = async writing => {
  const {thread} = writing, {me, page, member} = thread
  const own = writing.recall(me).own?.[page] ?? {}, tokens = Object.values(own)
  if (!tokens.length && !member) return
  const {site, url, thread: id = '', lang} = thread.where, body = new URLSearchParams({site, url, thread: id, lang})
  for (const token of tokens.reverse()) body.append('token', token)
  if (member) body.append('author', member.author)
  const {ok, html} = await thread.ask('embed/own', body)
  if (!ok || thread.gone) return
  // A comment that is public and cannot be edited any more needs no token.
  const now = writing.recall(me)
  for (const id in own) if (!html.querySelector('#comment-' + id)) delete now.own[page][id]
  if (tokens.length) writing.keep(me, now, now.lasting)
  for (const comment of html.querySelectorAll('article')) writing.place(comment)
}
