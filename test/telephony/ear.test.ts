// The ear of the telephone tests: what counts as heard to its end, and what does not.
import { describe, expect, it } from 'vitest'
import { speakInTones } from '../../src/simulator/speech-tones.js'
import { SEEN, wasHeard } from './ear.js'

const sound = (text: string) => speakInTones(text, { voice: 'alloy', speed: 1 }).pcm
const GOODBYE = sound('Goodbye, and thank you for calling the harbour tonight.')
const silence = (ms: number) => Buffer.alloc(48 * ms)

describe('a sentence', () => {
  it.each<[string, Buffer]>([
    ['alone', GOODBYE],
    ['after another', Buffer.concat([sound('It is cloudy out at sea today.'), silence(300), GOODBYE])],
    ['with a hole in its middle', Buffer.concat([GOODBYE.subarray(0, 48_000), silence(200), GOODBYE.subarray(48_000)])],
    ['with a hole at its beginning', Buffer.concat([GOODBYE.subarray(0, SEEN), silence(40), GOODBYE.subarray(SEEN)])],
  ])('was heard %s', (_how, heard) => expect(wasHeard(heard, GOODBYE)).toBe(true))

  it.each<[string, Buffer]>([
    ['half of it came', GOODBYE.subarray(0, GOODBYE.length / 2)],
    ['its beginning came, and its end much later', Buffer.concat([GOODBYE.subarray(0, 48_000), silence(4000), GOODBYE.subarray(48_000)])],
    ['its end came before its beginning', Buffer.concat([GOODBYE.subarray(GOODBYE.length / 2), GOODBYE.subarray(0, GOODBYE.length / 2)])],
    ['the same words came in another order', sound('Goodbye, and the harbour for calling thank you tonight: tonight, thank you for calling the harbour.')],
  ])('was not if %s', (_how, heard) => expect(wasHeard(heard, GOODBYE)).toBe(false))
})
