// The little of Node that the tests need, without its types.

declare global {
  const process: { argv: string[]; getBuiltinModule(name: string): unknown }
}

type Inspect = (value: unknown, options: { depth: number; showHidden: boolean }) => string

const util = process.getBuiltinModule("node:util") as { inspect: Inspect }

/** As a log of Node shows it, with hidden properties. */
export const inspect = (value: unknown): string => util.inspect(value, { depth: 9, showHidden: true })
