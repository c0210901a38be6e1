// A session's client link that is a telephone: towards the session it speaks GA Realtime, towards the carrier its framing. It outlives its socket.
import type { Frame } from '../../core/protocol/events.js'
import type { Link, LinkPlayback } from '../../ports/link.js'
import type { MediaFraming } from '../../ports/phone.js'
import { appendOf, audioBytes, audioOf, isBase64 } from './delta.js'
import { MAX_MEDIA_FRAME_BYTES } from './door.js'
import { BYTES_PER_MS, type Format, Gaps, silence, type Watched } from './gaps.js'
import { Played } from './played.js'
import { Waiting } from './waiting.js'

export interface PhoneLinkOwner {
  /** The socket is gone, and the carrier said nothing. */
  onLost(): void
  /** The carrier sends no more. */
  onStop(): void
  /** The session closes its link. The socket is closed after this. */
  onClosed(): void
  /** Silence is put in, once for each gap. */
  onFilled(why: GapKind): void
}

/** `jump`: the carrier's clock went on without frames. `quiet`: nothing came. */
export const GAP_KINDS = ['jump', 'quiet'] as const
export type GapKind = (typeof GAP_KINDS)[number]

/** What the caller says before the session reads; then the oldest is dropped. */
const KEPT_MS = 5_000
/** One event holds no more silence. */
const SILENCE_MS = 999
const MOST_BAD = 20
const KEY = /^[0-9*#A-D]$/
const ignore = () => undefined

export class PhoneLink implements Link, Watched {
  #socket: Link | undefined
  #framing: MediaFraming
  readonly #format: Format
  readonly #owner: PhoneLinkOwner
  readonly #now: () => number
  readonly #played: Played
  #gaps: Gaps | undefined
  #isQuiet = false
  #paused = true
  #ended = false
  #bad = 0
  #kept: { readonly frame: Frame; readonly ms: number }[] = []
  #keptMs = 0
  readonly #waiting: Waiting
  #onFrame: ((frame: Frame, isBinary: boolean) => void) | undefined
  #onExtra: ((bytes: number) => void) | undefined
  #onDrain: (() => void) | undefined
  #onClose: (code: number) => void = ignore
  #onKey: (key: string) => void = ignore
  readonly playback: LinkPlayback

  /** `now`: the session's own clock. */
  constructor(framing: MediaFraming, owner: PhoneLinkOwner, now: () => number) {
    this.#framing = framing
    this.#format = framing.format
    this.#owner = owner
    this.#now = now
    this.#waiting = new Waiting(BYTES_PER_MS[framing.format])
    this.#played = new Played(BYTES_PER_MS[framing.format], framing.mark !== undefined)
    this.playback = { doneBytes: (at) => this.#played.doneBytes(at), clear: () => this.#clear() }
  }

  /** False: it has a socket, or it is over. */
  attach(socket: Link, framing: MediaFraming = this.#framing): boolean {
    if (this.#ended || this.#socket) return false
    this.#socket = socket
    this.#framing = framing
    this.#gaps = new Gaps(this.#now())
    this.#bad = 0
    const isCurrent = () => this.#socket === socket && !this.#ended
    socket.onFrame((frame, isBinary) => {
      if (isCurrent()) this.#fromCarrier(frame, isBinary)
    })
    socket.onExtra?.((bytes) => this.#onExtra?.(bytes))
    socket.onDrain(this.#onDrain)
    socket.onClose(() => {
      if (!isCurrent()) return
      this.#socket = undefined
      this.#played.lost()
      this.#owner.onLost()
    })
    this.#sendWaiting(socket)
    socket.resume()
    return true
  }

  /** The call is over without a word of the session, which hears of it as of any client that leaves. */
  end(code: number): void {
    if (this.#ended) return
    const onClose = this.#onClose
    const socket = this.#over()
    socket?.close(1000, '')
    onClose(code)
  }

  look(now: number): void {
    if (this.#ended || this.#paused || !this.#gaps) return
    const ms = this.#gaps.quiet(now)
    if (ms === 0) return
    if (!this.#isQuiet) this.#owner.onFilled('quiet')
    this.#isQuiet = true
    this.#fill(ms)
  }

  #fromCarrier(frame: Frame, isBinary: boolean): void {
    const media = isBinary || frame.length > MAX_MEDIA_FRAME_BYTES ? undefined : this.#framing.read(frame, isBinary)
    switch (media?.type) {
      case 'audio':
        return this.#heard(media.audio, media.atMs)
      case 'key':
        return KEY.test(media.key) ? this.#onKey(media.key) : this.#countBad()
      case 'mark':
        this.#played.returned(media.name, this.#now())
        // One that found no room before.
        return this.#mark()
      case 'stop':
        return this.#owner.onStop()
      case 'ignored':
        return
      default:
        return this.#countBad()
    }
  }

  #countBad(): void {
    if (++this.#bad === MOST_BAD) this.#socket?.close(1008, '')
  }

  #heard(audio: string, atMs: number | undefined): void {
    if (!isBase64(audio)) return this.#countBad()
    const ms = audioBytes(audio) / BYTES_PER_MS[this.#format]
    const missing = this.#gaps?.heard(atMs, ms, this.#now()) ?? 0
    this.#isQuiet = false
    if (missing > 0) this.#owner.onFilled('jump')
    this.#fill(missing)
    this.#say(audio, ms)
  }

  #fill(ms: number): void {
    for (let left = ms; left > 0; left -= SILENCE_MS) this.#say(silence(this.#format, Math.min(left, SILENCE_MS)), Math.min(left, SILENCE_MS))
  }

  #say(audio: string, ms: number): void {
    if (this.#ended) return
    const frame = appendOf(audio)
    if (!this.#paused && this.#kept.length === 0) return this.#onFrame?.(frame, false)
    this.#kept.push({ frame, ms })
    this.#keptMs += ms
    while (this.#keptMs > KEPT_MS && this.#kept.length > 1) this.#keptMs -= this.#kept.shift()?.ms ?? 0
  }

  send(data: Frame | string): void {
    if (this.#ended) return
    const audio = audioOf(data)
    if (audio === undefined) return
    const bytes = audioBytes(audio)
    this.#played.sent(bytes)
    if (this.#socket) this.#give(this.#socket, audio, bytes)
    else this.#waiting.push(audio, bytes)
  }

  #give(socket: Link, audio: string, bytes: number): void {
    socket.send(this.#framing.media(audio))
    this.#played.given(bytes, this.#now())
    this.#mark()
  }

  #mark(): void {
    const name = this.#played.mark()
    if (name !== undefined && this.#framing.mark) this.#socket?.send(this.#framing.mark(name))
  }

  #sendWaiting(socket: Link): void {
    const { audio, dropped } = this.#waiting.take()
    for (const each of audio) this.#give(socket, each, audioBytes(each))
    if (dropped === 0) return
    // As if it were played behind the rest.
    this.#played.given(dropped, this.#now())
    this.#mark()
  }

  #clear(): void {
    if (this.#ended) return
    this.#played.clear()
    this.#waiting.take()
    this.#socket?.send(this.#framing.clear())
  }

  /** The carrier is told nothing of the reason. */
  close(_code?: number, _reason?: string): void {
    if (this.#ended) return
    const socket = this.#over()
    this.#owner.onClosed()
    socket?.close(1000, '')
  }

  #over(): Link | undefined {
    const socket = this.#socket
    this.#ended = true
    this.#socket = undefined
    this.#kept = []
    this.#keptMs = 0
    this.#waiting.take()
    // Whoever still knows the call does not keep its session alive by that.
    socket?.onDrain(undefined)
    this.#onFrame = this.#onExtra = this.#onDrain = undefined
    this.#onClose = this.#onKey = ignore
    return socket
  }

  /** The socket is read on: it also brings marks and keys. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    while (!this.#paused && !this.#ended) {
      const next = this.#kept.shift()
      if (!next) return
      this.#keptMs -= next.ms
      this.#onFrame?.(next.frame, false)
    }
  }

  ping(): void {
    this.#socket?.ping?.()
  }

  get bufferedBytes(): number {
    return this.#socket ? this.#socket.bufferedBytes : this.#waiting.chars
  }

  onFrame(callback: (frame: Frame, isBinary: boolean) => void): void {
    if (!this.#ended) this.#onFrame = callback
  }

  onExtra(callback: (bytes: number) => void): void {
    if (!this.#ended) this.#onExtra = callback
  }

  onDrain(callback: (() => void) | undefined): void {
    if (this.#ended) return
    this.#onDrain = callback
    this.#socket?.onDrain(callback)
  }

  onClose(callback: (code: number) => void): void {
    if (!this.#ended) this.#onClose = callback
  }

  onKey(callback: (key: string) => void): void {
    if (!this.#ended) this.#onKey = callback
  }
}
