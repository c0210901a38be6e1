// Frames of one side that wait until core opens its lane: kept in order, bounded in bytes and count.
import type { Frame } from '../core/protocol/events.js'

export interface HeldFrame {
  readonly frame: Frame
  readonly isBinary: boolean
}

export interface HeldFrames {
  /** False: the bound is reached and the link must not be read on. The frame is kept either way, since it has been read already. */
  push(frame: Frame, isBinary: boolean): boolean
  readonly count: number
  /** The oldest; undefined: none is left. */
  shift(): HeldFrame | undefined
}

export function createHeldFrames(maxBytes: number, maxCount: number): HeldFrames {
  const frames: HeldFrame[] = []
  let bytes = 0
  return {
    get count() {
      return frames.length
    },
    push(frame, isBinary) {
      frames.push({ frame, isBinary })
      bytes += frame.length
      return bytes < maxBytes && frames.length < maxCount
    },
    shift() {
      const oldest = frames.shift()
      bytes -= oldest?.frame.length ?? 0
      return oldest
    },
  }
}
