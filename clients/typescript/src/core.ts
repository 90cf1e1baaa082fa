// Requests to the service: address, token, time limits, retries, pages, streams and errors.

const PREFIX = "/api/v1"
const JSON_TYPE = "application/json"
const OCTETS = "application/octet-stream"
// Characters of a line of a stream.
const LONGEST_LINE = 1 << 20
// Milliseconds: the first wait without Retry-After, and the longest wait that is worth it.
const FIRST_WAIT = 500
const LONGEST_WAIT = 60_000
const BUSY = [429, 503]
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/
const TOKEN = /^[A-Za-z0-9._~+/=-]{1,500}$/
const VALUE = /^[\x21-\x7e]{1,200}$/
const FOLLOWING = /<([^<>]*)>\s*;\s*rel="?next"?/

/** Base of all errors of the client. None contains the token. */
export class KaiwaError extends Error {}

/**
 * No complete answer came: the connection failed, the time limit passed, or a stream was broken off.
 * A write may have been done.
 */
export class NoAnswer extends KaiwaError {
  override readonly name = "NoAnswer"
}

/** The service refused the request (RFC 9457). */
export class Problem extends KaiwaError {
  override readonly name = "Problem"
  readonly status: number
  /** Stable. */
  readonly code: string
  /** A sentence in the language of the client. */
  readonly title: string
  /** Sentences by field. */
  readonly errors: Record<string, string[]>
  /** Milliseconds, or null. */
  readonly retryAfter: number | null
  /** The whole answer, such as `current` of a conflict. */
  readonly details: Record<string, unknown>

  constructor(status: number, details: Record<string, unknown>, retryAfter: number | null) {
    const { code, title, errors } = details
    const fields = isObject(errors) ? ` (${Object.keys(errors).join(", ")})` : ""
    super(`${status} ${typeof code == "string" ? code : "without a code"}: ${typeof title == "string" ? title : ""}${fields}`)
    this.status = status
    this.code = typeof code == "string" ? code : ""
    this.title = typeof title == "string" ? title : ""
    this.errors = isObject(errors) ? (errors as Record<string, string[]>) : {}
    this.retryAfter = retryAfter
    this.details = details
  }
}

export interface Options {
  /** Milliseconds for each attempt, and for each part of a stream; 30,000 if not given. */
  timeout?: number
  /** Further attempts after 429 and 503, and where no answer came, if sending the request again is safe; 4 if not given. */
  retries?: number
  /** Of sentences in answers; "en" if not given. */
  language?: string
  /** Send the token without https also to other machines, on a network that is yours alone. */
  allowHttp?: boolean
  /** Another implementation of fetch. */
  fetch?: typeof globalThis.fetch
}

export interface Asked {
  path?: Record<string, string | number>
  query?: object
  body?: object
  data?: Uint8Array<ArrayBuffer>
  repeatable?: boolean
}

interface Sent {
  url: URL
  init: RequestInit
  repeatable: boolean
}

export class Core {
  readonly #address: URL
  readonly #token: string
  readonly #key: string
  readonly #options: Options
  readonly #fetch: typeof globalThis.fetch

  constructor(address: string | URL, token = "", options: Options = {}, key = "") {
    const url = new URL(address)
    const { protocol, hostname } = url
    if (!["http:", "https:"].includes(protocol) || url.search || url.hash)
      throw new TypeError("The address must be such as https://comments.example.org")
    if (url.username || url.password) throw new TypeError("The address must not contain a user name or password")
    if (protocol == "http:" && token && !options.allowHttp && !LOOPBACK.test(hostname))
      throw new TypeError("A token is sent over https only; allowHttp if the network is yours alone")
    // The value is in no message: a mistyped token is most of a token.
    if (token && !TOKEN.test(token)) throw new TypeError("This is no token: it has characters that no token has")
    if (key && !VALUE.test(key)) throw new TypeError("An Idempotency-Key has 1 to 200 printable ASCII characters")
    this.#address = url
    this.#token = token
    this.#key = key
    this.#options = options
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis)
  }

  /** A copy whose writes have this Idempotency-Key. */
  keyed(key: string): Core {
    return new Core(this.#address, this.#token, this.#options, key)
  }

  // ---- the kinds of answers

  /** The answer as JSON values; null if it is empty. */
  async json<T>(method: string, path: string, asked: Asked = {}): Promise<T> {
    const [text] = await this.#whole(this.#request(method, path, asked))
    return parsed(text) as T
  }

  /** The items of this page and of those that follow (`Link`, RFC 8288). */
  async *each<T>(items: string, method: string, path: string, asked: Asked = {}): AsyncGenerator<T, void, undefined> {
    let query = asked.query ?? {}
    for (;;) {
      const [text, headers] = await this.#whole(this.#request(method, path, { ...asked, query }))
      const page = parsed(text)
      const found = isObject(page) ? page[items] : null
      if (!Array.isArray(found)) throw new NoAnswer("the answer is no page")
      yield* found as T[]
      const link = FOLLOWING.exec(headers.get("link") ?? "")?.[1]
      if (!link) return
      // Only the query: the service may be known by another address than the one that is used here.
      const following = Object.fromEntries(new URL(link, this.#address).searchParams)
      if (following["after"] === String((query as { after?: unknown }).after)) throw new NoAnswer("the next page is this one")
      query = following
    }
  }

  /** The objects of a stream of JSON Lines. Throws NoAnswer if it is broken off. */
  async *lines(method: string, path: string, asked: Asked = {}): AsyncGenerator<Record<string, unknown>, void, undefined> {
    const decoder = new TextDecoder()
    let rest = ""
    for await (const chunk of this.chunks(method, path, asked)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) yield rowOf(line)
      if (rest.length > LONGEST_LINE) throw new NoAnswer("a line of the stream is too long")
    }
    if (rest) throw new NoAnswer("the stream was broken off")
  }

  /** The bytes of a stream; each part within the time limit. Throws NoAnswer if it is broken off. */
  async *chunks(method: string, path: string, asked: Asked = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const request = this.#request(method, path, asked)
    const [answer, limit] = await this.#repeated(request, async (answer, limit) => [answer, limit] as const)
    const reader = answer.body?.getReader()
    try {
      for (;;) {
        limit.begin()
        const part = await reader?.read().catch(trouble => Promise.reject(noAnswer(trouble)))
        limit.end()
        if (!part || part.done) return
        yield part.value
      }
    } finally {
      limit.end()
      await reader?.cancel().catch(() => undefined)
    }
  }

  // ---- requests

  #request(method: string, path: string, asked: Asked): Sent {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => segment(asked.path?.[name]))
    const url = new URL(this.#address)
    url.pathname = url.pathname.replace(/\/+$/, "") + PREFIX + filled
    for (const [name, value] of Object.entries(asked.query ?? {}))
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value))
    const headers = new Headers({ "Accept-Language": this.#options.language ?? "en" })
    if (this.#token) headers.set("Authorization", `Bearer ${this.#token}`)
    const content = asked.body ? JSON.stringify(asked.body) : asked.data
    if (content !== undefined) headers.set("Content-Type", asked.body ? JSON_TYPE : OCTETS)
    // The same for all attempts: a repeated request is one decision.
    if (method != "GET") headers.set("Idempotency-Key", this.#key || randomKey())
    // Redirects are not followed: they would lead the token elsewhere.
    const init: RequestInit = { method, headers, redirect: "error", credentials: "omit", cache: "no-store" }
    if (content !== undefined) init.body = content
    return { url, init, repeatable: asked.repeatable ?? false }
  }

  #whole(request: Sent): Promise<[string, Headers]> {
    return this.#repeated(request, async (answer, limit) => {
      limit.begin()
      try {
        return [await answer.text(), answer.headers]
      } catch (trouble) {
        throw noAnswer(trouble)
      } finally {
        limit.end()
      }
    })
  }

  async #repeated<T>(request: Sent, use: (answer: Response, limit: Limit) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        const limit = new Limit(this.#options.timeout ?? 30_000)
        return await use(await this.#answered(request, limit), limit)
      } catch (trouble) {
        const wait = waitAfter(trouble, attempt, request.repeatable)
        if (wait === null || attempt >= (this.#options.retries ?? 4)) throw trouble
        await new Promise(resolve => setTimeout(resolve, wait))
      }
    }
  }

  /** The beginning of a successful answer. */
  async #answered({ url, init }: Sent, limit: Limit): Promise<Response> {
    limit.begin()
    try {
      const answer = await this.#fetch(url, { ...init, signal: limit.signal })
      if (answer.ok) return answer
      const text = await answer.text()
      throw new Problem(answer.status, objectIn(text), milliseconds(answer.headers.get("retry-after")))
    } catch (trouble) {
      throw trouble instanceof Problem ? trouble : noAnswer(trouble)
    } finally {
      limit.end()
    }
  }
}

/** Aborts when a part of an answer takes too long. */
class Limit {
  readonly #aborted = new AbortController()
  readonly #most: number
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(most: number) {
    this.#most = most
  }

  get signal(): AbortSignal {
    return this.#aborted.signal
  }

  begin(): void {
    this.end()
    this.#timer = setTimeout(() => this.#aborted.abort(), this.#most)
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

/** Milliseconds until the next attempt; null if there should be none. */
function waitAfter(trouble: unknown, attempt: number, repeatable: boolean): number | null {
  const usual = FIRST_WAIT * 2 ** attempt * (0.5 + Math.random() / 2)
  if (trouble instanceof NoAnswer) return repeatable ? usual : null
  if (!(trouble instanceof Problem) || !BUSY.includes(trouble.status)) return null
  // Without Retry-After a proxy may have answered, after the service had the request.
  if (trouble.retryAfter === null) return repeatable ? usual : null
  return trouble.retryAfter <= LONGEST_WAIT ? trouble.retryAfter : null
}

/** Of the other error only the name: its message is the implementation's. */
function noAnswer(trouble: unknown): NoAnswer {
  if (trouble instanceof NoAnswer) return trouble
  const name = trouble instanceof Error ? trouble.name : "unknown"
  return new NoAnswer(name == "AbortError" ? "no answer in time" : `no answer (${name})`)
}

/** `crypto.randomUUID` is missing on pages without https. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("")
}

/** A part of a path. Dots alone, which cannot be encoded, and nothing would lead to another operation. */
function segment(value: string | number | undefined): string {
  const text = String(value ?? "")
  if (["", ".", ".."].includes(text)) throw new TypeError("An id is not empty and not only dots")
  return encodeURIComponent(text)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value == "object" && value !== null && !Array.isArray(value)
}

function parsed(text: string): unknown {
  if (!text) return null
  try {
    return JSON.parse(text)
  } catch {
    throw new NoAnswer("the answer is no JSON")
  }
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const told: unknown = JSON.parse(text)
    return isObject(told) ? told : {}
  } catch {
    return {}
  }
}

function rowOf(line: string): Record<string, unknown> {
  const row = parsed(line)
  if (!isObject(row) || Object.keys(row).join() == "error") throw new NoAnswer("the stream was broken off")
  return row
}

/** Retry-After is a number of seconds or a date (RFC 9110, 10.2.3). */
function milliseconds(given: string | null): number | null {
  if (!given) return null
  const moment = /^\d{1,9}$/.test(given) ? Date.now() + Number(given) * 1000 : Date.parse(given)
  return Number.isNaN(moment) ? null : Math.max(0, moment - Date.now())
}
