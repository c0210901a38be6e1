// What the relay is told of the configuration, and where its ids come from.
import { randomInt } from 'node:crypto'
import type { Config } from '../config/config.js'
import { PCM_BYTES_PER_SECOND } from '../core/session/media.js'
import type { RelaySettings } from '../relay/deps.js'

const HELD_FRAMES = 1024

export function relaySettings(config: Config): RelaySettings {
  const { clientBufferBytes, slowClientMs, resumeMs, resumeBufferBytes, audioBufferBytes, reconnectsPerSecond, messagesPerSecond, bytesPerSecond, audioSecondsPerSecond } =
    config.limits
  const rates = { messagesPerSecond, bytesPerSecond, audioBytesPerSecond: audioSecondsPerSecond * PCM_BYTES_PER_SECOND }
  return {
    bufferBytes: clientBufferBytes,
    heldFrames: HELD_FRAMES,
    slowClientMs,
    audioRingBytes: audioBufferBytes,
    reconnectsPerSecond,
    ...rates,
    ...(resumeMs > 0 && { resume: { resumeMs, bufferBytes: resumeBufferBytes } }),
  }
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Ten characters, 51 bits: too many to guess within a session. */
export function randomId(): string {
  return Array.from({ length: 10 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
}
