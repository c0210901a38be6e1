// What of the configuration the relay itself goes by.
import type { Config } from '../config/config.js'
import { PCM_BYTES_PER_SECOND } from '../core/session/media.js'
import type { RelaySettings } from '../relay/deps.js'

const HELD_FRAMES = 1024

export function relaySettings({ limits, resume: { store, snapshots } }: Config): RelaySettings {
  const { clientBufferBytes, slowClientMs, resumeMs, resumeBufferBytes, messagesPerSecond, bytesPerSecond, audioSecondsPerSecond } = limits
  const rates = { messagesPerSecond, bytesPerSecond, audioBytesPerSecond: audioSecondsPerSecond * PCM_BYTES_PER_SECOND }
  const resume = { resumeMs, bufferBytes: resumeBufferBytes, elsewhere: store === 'redis', snapshots }
  return { bufferBytes: clientBufferBytes, heldFrames: HELD_FRAMES, slowClientMs, ...rates, ...(resumeMs > 0 && { resume }) }
}
