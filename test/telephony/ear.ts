// What a caller heard of a sound of the model, to the sample, however a busy machine has holed it.
import type { CarrierCall } from '../../src/simulator/carriers/carrier.js'
import { createMuLawDecoder } from '../../src/simulator/carriers/mu-law.js'
import { encodeG711 } from '../../src/simulator/g711.js'

/** A sound of the model as it comes to the ear at the other end of the line. */
export const LINES = {
  acs: (pcm: Buffer) => pcm,
  twilio: (pcm: Buffer) => createMuLawDecoder()(encodeG711(pcm, 'ulaw')),
} as const

/** The decoder's filter remembers three milliseconds of what came before. */
export const SETTLED = 480
export const SEEN = 4800
/** Longer silence in the middle of an answer is no hole, but its end. */
const HOLE = 24_000

/** How much of a sound the caller heard, to the sample. A busy machine may leave holes in it, which are no part of it. */
export function heardOf(heard: Buffer, sound: Buffer): { readonly ms: number; readonly endsAt: number } {
  let shift = heard.indexOf(sound.subarray(SETTLED, SETTLED + SEEN)) - SETTLED
  if (shift < 0) return { ms: 0, endsAt: 0 }
  let end = SETTLED
  for (;;) {
    while (end < sound.length && heard[shift + end] === sound[end]) end++
    const next = sound.subarray(end + SETTLED, end + SETTLED + SEEN)
    const again = next.length < SEEN ? -1 : heard.subarray(0, shift + end + HOLE).indexOf(next, shift + end)
    if (again < 0) return { ms: end / 48, endsAt: shift + end }
    shift = again - end - SETTLED
    end += SETTLED
  }
}

/** Each a tenth of a second. A busy machine may leave a hole, in two of them at most. */
const PIECES = [0, 1, 2, 3, 4]
const MOST_HOLED = 2

/** Its beginning and its end, the first and the last half second. */
function wasHeard(heard: Buffer, sound: Buffer): boolean {
  const found = (from: number, step: number, after: number) =>
    PIECES.map((piece) => from + piece * step)
      .map((at) => heard.indexOf(sound.subarray(at, at + SEEN), after))
      .filter((at) => at >= 0)
  const begins = found(SETTLED, SEEN, 0)
  const ends = found(sound.length - 14_400 - SEEN, -SEEN, Math.max(0, ...begins))
  return begins.length >= PIECES.length - MOST_HOLED && ends.length >= PIECES.length - MOST_HOLED
}

/** Waits for it: a busy machine may take long in the middle of an answer. */
export async function heardAll(call: CarrierCall, sound: Buffer): Promise<void> {
  const end = performance.now() + 15_000
  while (!wasHeard(call.heard(), sound)) {
    if (performance.now() > end) throw new Error('it was not heard to its end')
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

/** Where in what was heard a sound begins, of which the first second is in no other. -1: nowhere. */
export function placeIn(heard: Buffer, sound: Buffer, after = 0): number {
  return heard.indexOf(sound.subarray(SETTLED, SETTLED + 48_000), after)
}
