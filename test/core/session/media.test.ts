// What a session in force says of its audio: how many bytes are a second, and whose price a transcript has.
import { expect, it } from 'vitest'
import { defaultMedia, mediaOf } from '../../../src/core/session/media.js'

const input = (format: object) => mediaOf({ audio: { input: { format } } } as never).inputBytesPerSecond

it.each([
  [{ type: 'audio/pcm', rate: 24_000 }, 48_000],
  [{ type: 'audio/pcm', rate: 8_000 }, 16_000],
  [{ type: 'audio/pcm', rate: 192_000 }, 384_000],
  [{ type: 'audio/pcm', rate: 7_999 }, 48_000],
  [{ type: 'audio/pcm', rate: 192_001 }, 48_000],
  [{ type: 'audio/pcm', rate: '16000' }, 48_000],
  [{ type: 'audio/pcmu' }, 8_000],
  [{ type: 'audio/pcma', rate: 16_000 }, 8_000],
  [{}, 48_000],
])('%j is %d bytes a second', (format, bytes) => {
  expect(input(format)).toBe(bytes)
})

it('each direction has a format of its own, and the transcription its model', () => {
  const audio = { input: { format: { type: 'audio/pcmu' }, transcription: { model: 'whisper-1' } }, output: { format: { type: 'audio/pcm', rate: 16_000 } } }
  expect(mediaOf({ audio })).toEqual({ inputBytesPerSecond: 8_000, outputBytesPerSecond: 32_000, transcriptionModel: 'whisper-1', inputLaw: 'pcmu' })
  expect(mediaOf(undefined)).toEqual(defaultMedia)
})
