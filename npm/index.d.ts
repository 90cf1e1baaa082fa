export interface Options {
  /** The key of the site in Kaiwa. */
  site: string
  /** The article's address; by default the page's canonical link, else its own address. */
  url?: string
  /** An id of your own, for articles whose address changes. */
  thread?: string
  title?: string
  /** ISO 8601. */
  published?: string
  lang?: string
  theme?: 'auto' | 'light' | 'dark'
  sort?: 'oldest' | 'newest'
}

export interface Settings extends Options {
  /** The address of the service, such as https://comments.example.org */
  service: string
}

export interface Kaiwa {
  mount(element: HTMLElement, options?: Options): void
  unmount(element: HTMLElement): void
  theme(element: HTMLElement, name: 'auto' | 'light' | 'dark'): void
  /** Fills in `[data-kaiwa-count]`. */
  count(): Promise<void>
}

export function load(service: string): Promise<Kaiwa>
export function show(element: HTMLElement, settings: Settings): () => void
