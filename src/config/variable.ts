// How one environment variable is described: parser, default, one line of documentation, and whether a file may hold its value.
import type { Parse } from './parse.js'

export interface Variable<T> {
  readonly parse: Parse<T>
  /** As it would be written in the environment. Undefined if there is none. */
  readonly default: string | undefined
  readonly doc: string
  /** Whether `NAME_FILE` may name a file that holds the value. */
  readonly file: boolean
}

const trimmed =
  <T>(parse: Parse<T>): Parse<T> =>
  (text) =>
    parse(text.trim())

export function required<T>(parse: Parse<T>, fallback: string, doc: string): Variable<T> & { readonly default: string } {
  return { parse: trimmed(parse), default: fallback, doc, file: false }
}

export function optional<T>(parse: Parse<T>, doc: string): Variable<T> & { readonly default: undefined } {
  return { parse: trimmed(parse), default: undefined, doc, file: false }
}

/** Not trimmed, since the service that signs with it does not trim it either. */
export function exact<T>(parse: Parse<T>, doc: string): Variable<T> & { readonly default: undefined } {
  return { parse, default: undefined, doc, file: false }
}

export function orFile<V extends Variable<unknown>>(variable: V): V {
  return { ...variable, file: true }
}
