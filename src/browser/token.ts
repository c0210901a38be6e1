// Asks the app for a token, and does not wait for ever.
import { problemOf } from './trouble.js'

const MOST_MS = 10_000

export interface Token {
  /** The one that was given last. */
  readonly last: string
  /** Throws a `Problem`. */
  fresh(): Promise<string>
}

export function createToken(ask: () => string | Promise<string>): Token {
  let last = ''
  return {
    get last() {
      return last
    },
    async fresh() {
      let timer: ReturnType<typeof setTimeout> | undefined
      try {
        const late = new Promise<string>((_, reject) => {
          timer = setTimeout(reject, MOST_MS)
        })
        last = await Promise.race([ask(), late])
        return last
      } catch (cause) {
        throw Object.assign(problemOf('token'), { cause })
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
