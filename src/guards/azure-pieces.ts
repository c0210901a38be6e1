// Cuts a text into pieces that Content Safety takes, which overlap, so that nothing is hidden by a cut.

/** Of one text and of all documents together (source: Microsoft's input requirements of `text:analyze` and `text:shieldPrompt`). */
const MOST_CHARACTERS = 10_000
const OVERLAP = 200

/** Counted in code units, of which there are never fewer than characters. No surrogate pair is cut. */
export function piecesOf(text: string, most = MOST_CHARACTERS, overlap = OVERLAP): readonly string[] {
  if (text.length <= most) return [text]
  const pieces: string[] = []
  let from = 0
  for (;;) {
    const end = from + most >= text.length ? text.length : boundary(text, from + most)
    pieces.push(text.slice(from, end))
    if (end === text.length) return pieces
    from = Math.max(from + 1, boundary(text, end - overlap))
  }
}

function boundary(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at
}
