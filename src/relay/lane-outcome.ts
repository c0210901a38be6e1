// What a lane does with a frame that goes on unread, learned from what was done with one that was read.
import type { Frame } from '../core/protocol/events.js'
import { renamedType } from '../core/protocol/fast-lane.js'
import type { Action } from '../core/session/actions.js'

/** Sent as it came, sent with the type's other name, sent in other words, or dropped with a note. */
export type Outcome =
  | { readonly type: 'forward' }
  | { readonly type: 'rename'; readonly at: number; readonly from: string; readonly to: string }
  | { readonly type: 'rewrite'; readonly pieces: readonly (Buffer | number)[] }
  | Extract<Action, { type: 'note' }>

const FORWARD: Outcome = { type: 'forward' }

/**
 * `text`: what the client was sent for this frame. `spans`: where the frame's texts that vary stand, as pairs of begin and end. Undefined: another frame's
 * cannot be told from it.
 */
export function outcomeOf(text: string, frame: Frame, eventType: string, spans: readonly number[]): Outcome | undefined {
  const came = frame.toString('utf8')
  return text === came ? FORWARD : (renaming(text, came, eventType, spans) ?? rewriting(text, frame, spans))
}

/** The client's frame; may be the same one, changed in place. Its bytes are UTF-8, and its texts JSON whose escapes are known, so they say the same wherever they stand. */
export function rewritten(outcome: Extract<Outcome, { type: 'rename' | 'rewrite' }>, frame: Frame, spans: readonly number[]): Frame {
  if (outcome.type === 'rename') return renamedType(frame, outcome.at, outcome.from, outcome.to)
  const parts = outcome.pieces.map((piece) => (typeof piece === 'number' ? frame.subarray(spans[piece * 2], spans[piece * 2 + 1]) : piece))
  return Buffer.concat(parts)
}

/** The type comes before anything that varies, so it stands at the same place in each frame. */
function renaming(text: string, came: string, from: string, spans: readonly number[]): Outcome | undefined {
  const at = came.indexOf(from)
  const rest = came.slice(at + from.length)
  if (at < 0 || at > (spans[0] ?? 0) || !text.endsWith(rest) || text.slice(0, at) !== came.slice(0, at)) return undefined
  const to = text.slice(at, text.length - rest.length)
  return to.length > 0 && to.length <= from.length ? { type: 'rename', at, from, to } : undefined
}

/** Its constant pieces, and between them the numbers of the frame's texts. Undefined: a text is not in it exactly once, or has an escape. */
function rewriting(text: string, frame: Frame, spans: readonly number[]): Outcome | undefined {
  const places: { readonly at: number; readonly end: number; readonly index: number }[] = []
  for (let i = 0; i < spans.length; i += 2) {
    const quoted = `"${frame.toString('utf8', spans[i], spans[i + 1])}"`
    const at = text.indexOf(quoted)
    if (quoted.includes('\\') || at < 0 || text.indexOf(quoted, at + 1) >= 0) return undefined
    places.push({ at: at + 1, end: at + quoted.length - 1, index: i / 2 })
  }
  places.sort((a, b) => a.at - b.at)
  const pieces: (Buffer | number)[] = []
  let from = 0
  for (const { at, end, index } of places) {
    pieces.push(Buffer.from(text.slice(from, at)), index)
    from = end
  }
  pieces.push(Buffer.from(text.slice(from)))
  return { type: 'rewrite', pieces }
}
