// The example of docs/clients.md: the compiler checks its types.

import { Kaiwa, Problem } from "../src/index.ts"

const kaiwa = new Kaiwa("https://comments.example.org", "kw_...")
for await (const comment of kaiwa.queue.showEach({ lane: 5 })) {
  try {
    await kaiwa.decisions.decideOne(comment.id, { seen: comment.version, status: "approved" })
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem
    console.log(problem.code, problem.title, problem.details.current)
  }
}
