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

/** How far a sound, of which the first `end` bytes are at `shift` or lost, goes on from there. A busy machine may leave holes in it, which are no part of it. */
function followed(heard: Buffer, sound: Buffer, shift: number, end: number): { readonly end: number; readonly endsAt: number } {
  for (;;) {
    while (end < sound.length && heard[shift + end] === sound[end]) end++
    const next = sound.subarray(end + SETTLED, end + SETTLED + SEEN)
    const again = next.length < SEEN ? -1 : heard.subarray(0, shift + end + HOLE).indexOf(next, shift + end)
    if (again < 0) return { end, endsAt: shift + end }
    shift = again - end - SETTLED
    end += SETTLED
  }
}

/** How much of a sound the caller heard, to the sample. */
export function heardOf(heard: Buffer, sound: Buffer): { readonly ms: number; readonly endsAt: number } {
  const shift = heard.indexOf(sound.subarray(SETTLED, SETTLED + SEEN)) - SETTLED
  if (shift < 0) return { ms: 0, endsAt: 0 }
  const { end, endsAt } = followed(heard, sound, shift, SETTLED)
  return { ms: end / 48, endsAt }
}

/** So many tenths of a second may have a hole at the beginning, and at the end. */
const MOST_HOLED = 2
/** The last of a sound fades away. */
const FADES = 14_400

/** From its beginning to its end, in order: other sentences share pieces of it. */
export function wasHeard(heard: Buffer, sound: Buffer): boolean {
  const enough = sound.length - FADES - MOST_HOLED * SEEN
  for (let at = SETTLED; at <= SETTLED + MOST_HOLED * SEEN; at += SEEN) {
    const piece = sound.subarray(at, at + SEEN)
    for (let found = heard.indexOf(piece); found >= 0; found = heard.indexOf(piece, found + 2)) if (followed(heard, sound, found - at, at).end >= enough) return true
  }
  return false
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
