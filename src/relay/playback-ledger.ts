// Follows what the client plays of the answers: by its link's own word, else by a clock that runs while there is something to play.
import { audioDeltaIn, audioDeltaOf } from '../core/protocol/audio-delta.js'
import type { Frame, RealtimeEvent } from '../core/protocol/events.js'
import { dropped, type Ledger, nothingSent, type Part, playedMs, sent, sentMs, stopped, unheard, unheardMs } from '../core/session/playing/ledger.js'
import type { Playing } from '../core/session/playing/playing.js'
import type { SoundSink } from '../ports/records.js'
import type { NewSession } from '../ports/session.js'

/** Of one session. */
export interface PlayingSession {
  readonly opened: Pick<NewSession, 'client' | 'profile' | 'phone' | 'call' | 'recorder'>
  readonly ledger: { readonly media: { readonly outputBytesPerSecond: number } }
  clock(): number
}

/** Undefined: nothing of this session depends on what is heard, or its sound does not pass here. */
export function createPlaybackLedger(session: PlayingSession): PlaybackLedger | undefined {
  const { profile, phone, call } = session.opened
  const isWanted = profile.interruption !== undefined || profile.record !== undefined || profile.manners !== undefined || phone !== undefined
  return isWanted && !call ? new PlaybackLedger(session) : undefined
}

export class PlaybackLedger implements Playing {
  readonly #session: PlayingSession
  readonly #sound: SoundSink | undefined
  #ledger: Ledger = nothingSent
  /** So much was played when the clock began to run. */
  #playedBytes = 0
  #since = 0
  /** The client is gone, and has no more than this to play. */
  #awayBytes: number | undefined

  constructor(session: PlayingSession) {
    this.#session = session
    this.#sound = session.opened.recorder.sound
  }

  /** What is played is the link's own word; else a clock's. */
  get isToldByLink(): boolean {
    return this.#session.opened.client.playback !== undefined
  }

  /** A frame of audio on its way to the client; `delta`: as it was read. False: nobody is to hear it. */
  passes(frame: Frame, discarded: string | undefined, delta = audioDeltaOf(frame)): boolean {
    if (!delta) return true
    if (discarded !== undefined && delta.responseId === discarded) {
      this.#ledger = dropped(this.#ledger, delta)
      return false
    }
    this.#send(delta)
    if (this.#sound !== undefined) this.#sound.answered(frame, delta.itemId)
    return true
  }

  /** An event that goes to the client. */
  sends(event: RealtimeEvent): void {
    const delta = event.type === 'response.output_audio.delta' ? audioDeltaIn(event) : undefined
    if (!delta) return
    this.#send(delta)
    if (this.#sound !== undefined && typeof event.delta === 'string') this.#sound.answered(event.delta, delta.itemId)
  }

  /** An event that does not, since nobody is to hear it. */
  drops(event: RealtimeEvent): void {
    const delta = event.type === 'response.output_audio.delta' ? audioDeltaIn(event) : undefined
    if (delta) this.#ledger = dropped(this.#ledger, delta)
  }

  /** What was sent and is not played is thrown away. */
  clear(): void {
    const done = this.#doneBytes(this.#session.clock())
    this.#sound?.cleared(this.#ledger.sentBytes - done)
    this.#ledger = stopped(this.#ledger, done)
    this.#session.opened.client.playback?.clear()
    this.#playedBytes = this.#ledger.sentBytes
    if (this.#awayBytes !== undefined) this.#awayBytes = this.#playedBytes
  }

  /** What is sent while the client is away reaches it when it is back. */
  follow(isAway: boolean): void {
    this.#sound?.away(isAway)
    if (isAway) {
      this.#awayBytes ??= this.#ledger.sentBytes
      return
    }
    if (this.#awayBytes === undefined) return
    const now = this.#session.clock()
    this.#begin(this.#awayBytes, now)
    this.#awayBytes = undefined
  }

  unheard(now: number): readonly Part[] {
    return unheard(this.#ledger, this.#doneBytes(now))
  }

  sentMs(itemId: string, contentIndex: number): number | undefined {
    return sentMs(this.#ledger, itemId, contentIndex)
  }

  unheardMs(now: number): number {
    return unheardMs(this.#ledger, this.#doneBytes(now))
  }

  playedMs(now: number): number {
    return playedMs(this.#ledger, this.#doneBytes(now))
  }

  #send(delta: Parameters<typeof sent>[1] & { readonly bytes: number }): void {
    const now = this.#session.clock()
    const done = this.#doneBytes(now)
    if (this.#awayBytes === undefined) this.#begin(this.#ledger.sentBytes, now)
    this.#ledger = sent(this.#ledger, delta, delta.bytes, this.#session.ledger.media.outputBytesPerSecond, done)
  }

  /** What follows the first `bytes` is there. Behind what is not played yet it waits; else it is played at once. */
  #begin(bytes: number, now: number): void {
    if (this.#doneBytes(now) < bytes) return
    this.#playedBytes = bytes
    this.#since = now
  }

  #doneBytes(now: number): number {
    const { sentBytes } = this.#ledger
    const { playback } = this.#session.opened.client
    if (playback) return Math.min(sentBytes, playback.doneBytes(now))
    return Math.min(this.#awayBytes ?? sentBytes, this.#playedBytes + Math.floor(((now - this.#since) * this.#session.ledger.media.outputBytesPerSecond) / 1000))
  }
}
