// A moderation session with a running service: node session.js ADDRESS TOKEN PAGE. The test reads what it prints.

import { inspect } from "./node.ts"
import { Kaiwa, Problem, type ModeratedComment } from "../src/index.ts"

const [address = "", token = "", url = ""] = process.argv.slice(2)
const kaiwa = new Kaiwa(address, token)
const reader = new Kaiwa(address)

const refusal = async (act: Promise<unknown>): Promise<Problem> => {
  try {
    await act
  } catch (trouble) {
    if (trouble instanceof Problem) return trouble
    throw trouble
  }
  throw new Error("it was not refused")
}

for (const hour of [1, 2, 3])
  await reader.comments.post({ site: "paper", url, name: "Taro", email: `taro${hour}@readers.example`, body: `Train ${hour}` })

const waiting: ModeratedComment[] = []
for await (const comment of kaiwa.queue.showEach({ limit: 1 })) waiting.push(comment)
const whole = await kaiwa.queue.show({ limit: 100 })
const [comment] = waiting.filter(each => each.body == "Train 1")
if (!comment) throw new Error("the comment is not in the queue")

const sent = { seen: comment.version, status: "approved" } as const
const made = await kaiwa.decisions.decideOne(comment.id, sent)
const again = await kaiwa.once("a-key").decisions.decideOne(comment.id, sent)
const undone = await kaiwa.decisions.undoOne(made.id)
await kaiwa.decisions.decideOne(comment.id, { seen: undone.version, reason: "off_topic" })
const late = { seen: undone.version, status: "spam" } as const
const conflict = await refusal(kaiwa.decisions.decideOne(comment.id, late))
const unknown = await refusal(kaiwa.comments.show(10 ** 9))

let stream = 0
for await (const _row of kaiwa.log.export({ people: true })) stream++
let log = 0
for await (const _decision of kaiwa.log.showEach({ people: true })) log++

let job = await kaiwa.transfers.beginExport({ format: "csv" })
while (job.state == "running") {
  await new Promise(resolve => setTimeout(resolve, 100))
  job = await kaiwa.transfers.show(job.id)
}
let exported = ""
const decoder = new TextDecoder()
for await (const bytes of kaiwa.transfers.download(job.id)) exported += decoder.decode(bytes, { stream: true })

const current = conflict.details["current"] as ModeratedComment
console.log(JSON.stringify({
  decided: [made, again, undone].map(each => each.to_status),
  same: made.id == again.id,
  conflict: [conflict.status, current.status],
  unknown: [unknown.status, unknown.code],
  queue: whole.comments.length,
  pages: waiting.length,
  stream,
  log,
  exported: exported.includes("Train 3"),
  shown: [inspect(kaiwa), inspect(conflict), JSON.stringify(kaiwa), String(unknown)],
}))
