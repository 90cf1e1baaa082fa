// The sentences that are needed before the service has answered anything, for the language of the page.
const spoken = lang => {
  const tag = lang.toLowerCase().split(/[-_]/)
  while (tag[1] && !SENTENCES[tag.join('-')]) tag.pop()
  return SENTENCES[tag.join('-')]
}

// A page in no language of ours gets the thread in the site's, which we do not know yet: the first two are said both.
const [first, second] = Object.values(SENTENCES)
const unsure = Object.fromEntries(Object.entries(first).map(([name, text]) => [name, `${text} ${second[name]}`]))
