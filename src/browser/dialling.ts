// Asks the app for a token before each dial, and remembers why one was none.
import type { RelayOptions } from './relay.js'
import { type Problem, problemOf } from './trouble.js'

const TOKEN_MS = 10_000
/** So much that a socket has not sent says that it is dead: twenty seconds of sound. */
const MOST_BUFFERED = 1_300_000

export interface Dialler {
  /** The last token. */
  bearer: string
  /** Why the last dial was none. */
  failed: Problem | undefined
  /** Throws a `Problem`. */
  fresh(): Promise<string>
  dial(protocols: string[], callId?: string): Promise<WebSocket>
  /** The last socket takes nothing any more. */
  isStuck(): boolean
}

export function createDialler(options: RelayOptions): Dialler {
  let socket: WebSocket | undefined
  const dialler: Dialler = {
    bearer: '',
    failed: undefined,
    async fresh() {
      try {
        const late = new Promise<never>((_, reject) => void setTimeout(reject, TOKEN_MS))
        dialler.bearer = await Promise.race([options.token(), late])
        return dialler.bearer
      } catch (cause) {
        dialler.failed = Object.assign(problemOf('token'), { cause })
        throw dialler.failed
      }
    },
    async dial(protocols, callId) {
      dialler.failed = undefined
      await dialler.fresh()
      try {
        const address = new URL(options.url)
        if (callId) address.searchParams.set('call_id', callId)
        socket = new WebSocket(address, [...protocols, `openai-insecure-api-key.${dialler.bearer}`])
        return socket
      } catch (error) {
        dialler.failed = problemOf('address')
        throw error
      }
    },
    isStuck: () => socket !== undefined && socket.bufferedAmount > MOST_BUFFERED,
  }
  return dialler
}
