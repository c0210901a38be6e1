// What core asks of the playback of the client's side, which the relay alone can estimate.
import type { Part } from './ledger.js'

/** `now`: on the session's clock. */
export interface Playing {
  /** Parts of answers that are not heard to their end, in the order of playing. */
  unheard(now: number): readonly Part[]
  /** Milliseconds of a part that were sent. Undefined: it is long ago. Absent: nobody counts. */
  sentMs?(itemId: string, contentIndex: number): number | undefined
  /** Milliseconds that were heard of the response that is at play. 0: nothing is played. */
  playedMs(now: number): number
}

/** Of sessions whose playback nobody follows. */
export const nothingPlaying: Playing = { unheard: () => [], playedMs: () => 0 }
