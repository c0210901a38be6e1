// What every simulated carrier offers: it rings a relay with correct proofs, plays a caller's voice at wall time, and keeps what the caller heard.

/** Audio on this side of a simulated carrier is PCM16, mono, 24 kHz, little-endian; the carrier codes it as its wire wants. */
export const CALLER_RATE = 24_000

export interface RingOptions {
  /** E.164 with its plus. Undefined: withheld. */
  readonly from: string | undefined
  readonly to: string
  /** SIP headers that come with the call. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface CarrierCall {
  /** Media flow. Rejects if the relay refused the call, with its HTTP status or close code in the message. */
  readonly connected: Promise<void>
  /** Plays this at wall time, frame by frame of 20 ms, and resolves when it was sent. Silence flows before and after. */
  say(audio: Buffer): Promise<void>
  press(key: string): void
  /** The caller hangs up. */
  hangUp(): Promise<void>
  /** Ends the media socket without a word, as a network does. The call itself stands. */
  loseMedia(): void
  /** What the caller has heard by now, from the connection on, with the silence in between. Playback is at wall time; what was cleared is not in it. */
  heard(): Buffer
  /** Milliseconds of the relay's audio that wait to be played. */
  readonly queuedMs: number
  /** Epoch milliseconds of each `clear` or stop that the relay sent. */
  readonly clearedAt: readonly number[]
  /** The call is over for the caller. */
  readonly ended: Promise<{ readonly by: 'caller' | 'relay'; readonly transferredTo?: string | undefined }>
}

export interface SimulatedCarrier {
  ring(options: RingOptions): Promise<CarrierCall>
  close(): Promise<void>
}
