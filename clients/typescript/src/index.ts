// A client of Kaiwa's API (https://comments.example.org/api/v1/docs), for Node 20, Deno, Bun and browsers.

import { Core, type Options } from "./core.ts"
import { Operations } from "./operations.ts"

export { KaiwaError, NoAnswer, Problem, type Options } from "./core.ts"
export type * from "./types.ts"

/** All operations of a service, by group: `new Kaiwa(address, token).queue.show({ lane: 2 })`. */
export class Kaiwa extends Operations {
  readonly #core: Core

  constructor(address: string | URL, token = "", options: Options = {}) {
    const core = new Core(address, token, options)
    super(core)
    this.#core = core
  }

  /** The operations with an Idempotency-Key of your own, for one write that a later run may repeat. */
  once(key: string): Operations {
    return new Operations(this.#core.keyed(key))
  }
}
