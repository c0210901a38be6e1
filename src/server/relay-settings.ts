// What the relay is told of the configuration, and where its ids come from.
import { randomInt } from 'node:crypto'
import type { Config } from '../config/config.js'
import { PCM_BYTES_PER_SECOND } from '../core/session/media.js'
import type { RelaySettings } from '../relay/deps.js'

const HELD_FRAMES = 1024

export function relaySettings({ limits, resume: { store, snapshots } }: Config): RelaySettings {
  const { clientBufferBytes, slowClientMs, resumeMs, resumeBufferBytes, audioBufferBytes, reconnectsPerSecond, messagesPerSecond, bytesPerSecond, audioSecondsPerSecond } = limits
  const rates = { messagesPerSecond, bytesPerSecond, audioBytesPerSecond: audioSecondsPerSecond * PCM_BYTES_PER_SECOND }
  const resume = { resumeMs, bufferBytes: resumeBufferBytes, elsewhere: store === 'redis', snapshots }
  return {
    bufferBytes: clientBufferBytes,
    heldFrames: HELD_FRAMES,
    slowClientMs,
    audioRingBytes: audioBufferBytes,
    reconnectsPerSecond,
    ...rates,
    ...(resumeMs > 0 && { resume }),
  }
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Ten characters, 51 bits: too many to guess within a session. */
export function randomId(): string {
  return Array.from({ length: 10 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
}

const STARTED_AT = performance.timeOrigin

/** The wall clock at the start, carried on by a clock that cannot be set. */
export function steadyNow(): number {
  return STARTED_AT + performance.now()
}
