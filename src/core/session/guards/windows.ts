// Cuts a text into what a guard is asked about: an answer into windows while it is being said, a long text into pieces.

/** Of one question. */
export const MOST_CHARACTERS = 8192
/** What one window has of the one before, so that no word is cut in two. */
export const OVERLAP = 40
const FIRST = 60
const LATER = 120
const SENTENCE = /[.!?…。！？](?=["'”’)\]]*(\s|$))|[。！？\n]/

export interface Window {
  readonly text: string
  /** Where it ends in the text so far. */
  readonly to: number
}

/** `at`: so much was asked about. `flushTo`: so much waits for no more. Undefined: more is waited for. */
export function nextWindow(seen: string, at: number, flushTo: number): Window | undefined {
  const pending = seen.length - at
  if (pending <= 0) return undefined
  const isFirst = at === 0
  const ready = at < flushTo || pending >= (isFirst ? FIRST : LATER) || (isFirst && SENTENCE.test(seen))
  if (!ready) return undefined
  const from = Math.max(0, at - OVERLAP)
  const to = Math.min(seen.length, from + MOST_CHARACTERS)
  return { text: seen.slice(from, to), to }
}

/** A whole text, overlapping in the same way. */
export function piecesOf(text: string): readonly string[] {
  const pieces: string[] = []
  let at = 0
  do {
    pieces.push(text.slice(at, at + MOST_CHARACTERS))
    at += MOST_CHARACTERS - OVERLAP
  } while (at + OVERLAP < text.length)
  return pieces
}
