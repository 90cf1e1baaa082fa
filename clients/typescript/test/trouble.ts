// What the client makes of wrong answers: node trouble.js ADDRESS TOKEN. The test tells the server, and reads what this prints.

import { inspect } from "./node.ts"
import { Kaiwa } from "../src/index.ts"

const [address = "", token = ""] = process.argv.slice(2)
const kaiwa = new Kaiwa(address, token, { timeout: 2000 })
const hasty = new Kaiwa(address, token, { timeout: 1000, retries: 0 })

const all = async (items: AsyncIterable<unknown>): Promise<unknown[]> => {
  const found = []
  for await (const item of items) found.push(item)
  return found
}

const decision = await kaiwa.decisions.decideOne(42, { seen: 1, status: "approved" })
const failed: [string, string][] = []
for (const act of [
  () => all(kaiwa.transfers.download(7)),
  () => hasty.queue.show(),
  () => hasty.site.token(),
  () => hasty.site.settings(),
  () => hasty.reports.show(),
  () => all(hasty.log.export()),
  () => all(hasty.comments.showAllEach()),
])
  await act().then(
    () => failed.push(["none", ""]),
    (trouble: Error) => failed.push([trouble.name, inspect(trouble)]),
  )

let refused = 0
for (const act of [
  () => new Kaiwa("ftp://a.example", token),
  () => new Kaiwa("https://a:b@c.example", token),
  () => new Kaiwa("http://comments.example", token),
  () => new Kaiwa(address, `${token}\r\nX-Other: 1`),
  () => kaiwa.once("two words"),
  () => kaiwa.once("a\r\nb"),
  () => kaiwa.once("あ"),
]) {
  try {
    act()
  } catch (trouble) {
    if (String(trouble).includes(token)) throw new Error("the error has the token")
    refused++
  }
}

// Dots alone would lead to another operation.
let led = 0
for (const id of ["", ".", ".."] as unknown[] as number[])
  await hasty.comments.show(id).then(
    () => led++,
    (trouble: unknown) => trouble instanceof TypeError || led++,
  )

console.log(JSON.stringify({ decision, failed, refused, led, shown: [inspect(kaiwa), JSON.stringify(kaiwa)] }))
