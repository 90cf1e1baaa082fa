// A page that has a signed token of a member, in an attribute or by kaiwa.member(): member.js does the rest.
const welcome = thread => {
  const {element, leaving, tools: {memory, tag}} = thread
  const meet = async () => {
    const signed = memory.member ?? element.dataset.member ?? tag?.dataset.member
    if (signed != null) (await import(new URL('member.js', import.meta.url))).meet(thread, signed)
  }
  addEventListener('kaiwa:member', meet, leaving)
  meet()
}
