// What is told of a session that is recorded, and where records are kept.
import type { Frame } from '../core/protocol/events.js'
import type { Media } from '../core/session/media.js'

export type Recorded =
  /** An item has begun while nothing was kept: neither are its words. */
  | { readonly type: 'skipped'; readonly itemId: string }
  /** `spoken`: how much of it was heard is another matter. The same item again: more is known of it now. */
  | { readonly type: 'said'; readonly who: 'user' | 'assistant'; readonly itemId: string; readonly atMs: number; readonly text: string; readonly spoken: boolean }
  /** `text`: cut as the relay cuts it for the next upstream. `by`: who says so; the relay's clock may be wrong by what a client buffers. */
  | { readonly type: 'heard'; readonly itemId: string; readonly ms: number; readonly by: 'truncated' | 'carrier' | 'estimated' }
  /** Told at the start, before any sound, and at every change. */
  | { readonly type: 'state'; readonly state: 'waiting' | 'on' | 'stopped'; readonly atMs: number }
  /** The session ends here, or goes on elsewhere. */
  | { readonly type: 'over'; readonly atMs: number }

/** Never blocks, never throws. It exists only for a session whose profile has a record. */
export type RecordSink = (recorded: Recorded) => void

/** Who keeps the sound of a session. Never blocks, never throws. Times are its own: it is told of everything as it happens. */
export interface SoundSink {
  /** From now on sound has this format. */
  media(media: Media): void
  /** An append of the client that goes upstream. The frame's bytes are used again. */
  spoken(frame: Frame): void
  /** A delta that goes to the client, as a frame or as its base64. */
  answered(delta: Frame | string, itemId: string): void
  /** These bytes of what was sent are not played any more. */
  cleared(bytes: number): void
  /** What is sent to a client that is away is played when it is back. */
  away(isAway: boolean): void
}

/** A finished file on this machine's disk. */
export interface SpooledFile {
  readonly path: string
  readonly bytes: number
  readonly contentType: string
}

/** Fixed words: what a store answers may hold a name, a key or content. */
export type StoreFailure = 'refused' | 'full' | 'missing' | 'away'

export interface RecordStore {
  /** Whole or not at all; a name that is there is replaced. Rejects with a `RecordStoreError` if it is not confirmed. */
  put(name: string, file: SpooledFile): Promise<void>
  /** Removes everything under `<day>/<person>/` of any day; gives each session's name once it is gone. Throws if not all goes. Absent: what is in it is out of the relay's hands. */
  erase?(person: string): AsyncIterable<string>
  /** Removes days before this one (`YYYY-MM-DD`). Absent: the store's own rules do. */
  expire?(before: string): Promise<number>
  close(): Promise<void>
}
