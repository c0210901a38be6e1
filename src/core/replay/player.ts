// A client that plays what it is sent at once and without a pause, on the clock of the recording.
import { audioDeltaIn } from '../protocol/audio-delta.js'
import type { RealtimeEvent } from '../protocol/events.js'
import { dropped, type Ledger, nothingSent, playedMs, sent, stopped, unheard, unheardMs } from '../session/playing/ledger.js'
import type { Playing } from '../session/playing/playing.js'

export interface Player extends Playing {
  /** An event that goes to the client. */
  sends(event: RealtimeEvent, now: number, bytesPerSecond: number): void
  /** One that does not, since nobody is to hear it. */
  drops(event: RealtimeEvent): void
  clear(now: number): void
  unheardMs(now: number): number
  sentBytes(): number
}

export function createPlayer(): Player {
  let ledger: Ledger = nothingSent
  let rate = 1
  // So much was played when the clock began to run.
  let from = { bytes: 0, since: 0 }
  const done = (now: number) => Math.min(ledger.sentBytes, from.bytes + Math.floor(((now - from.since) * rate) / 1000))
  return {
    sends(event, now, bytesPerSecond) {
      const delta = event.type === 'response.output_audio.delta' ? audioDeltaIn(event) : undefined
      if (!delta) return
      const played = done(now)
      if (played >= ledger.sentBytes) from = { bytes: ledger.sentBytes, since: now }
      rate = bytesPerSecond
      ledger = sent(ledger, delta, delta.bytes, bytesPerSecond, played)
    },
    drops(event) {
      const delta = event.type === 'response.output_audio.delta' ? audioDeltaIn(event) : undefined
      if (delta) ledger = dropped(ledger, delta)
    },
    clear(now) {
      ledger = stopped(ledger, done(now))
      from = { bytes: ledger.sentBytes, since: now }
    },
    unheard: (now) => unheard(ledger, done(now)),
    unheardMs: (now) => unheardMs(ledger, done(now)),
    playedMs: (now) => playedMs(ledger, done(now)),
    sentBytes: () => ledger.sentBytes,
  }
}
