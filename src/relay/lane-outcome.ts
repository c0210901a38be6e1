// What a lane does with a frame that goes on unread, learned from what was done with one that was read.
import type { Frame } from '../core/protocol/events.js'
import { renamedType } from '../core/protocol/fast-lane.js'
import type { Found } from '../core/protocol/repeated-frame.js'
import type { Action } from '../core/session/actions.js'

/** Sent as it came, sent with the type's other name, sent in other words, or dropped with a note. */
export type Outcome =
  | { readonly type: 'forward' }
  | { readonly type: 'rename'; readonly at: number; readonly from: string; readonly to: string }
  | { readonly type: 'rewrite'; readonly pieces: readonly (Buffer | number)[] }
  | Extract<Action, { type: 'note' }>

const FORWARD: Outcome = { type: 'forward' }

/** `text`: what the client was sent for this frame. Undefined: what it would be sent for another cannot be told from it. */
export function outcomeOf(text: string, frame: Frame, eventType: string, { pattern, spans }: Found): Outcome | undefined {
  // With a character for each byte, so that places in one are places in the other.
  const [came, sent] = [frame.toString('latin1'), Buffer.from(text).toString('latin1')]
  return sent === came ? FORWARD : (renaming(sent, came, eventType, spans) ?? rewriting(sent, came, pattern.names, spans))
}

/** The client's frame; may be the same one, changed in place. Its bytes are UTF-8, and its texts JSON whose escapes are known, so they say the same wherever they stand. */
export function rewritten(outcome: Extract<Outcome, { type: 'rename' | 'rewrite' }>, frame: Frame, spans: readonly number[]): Frame {
  if (outcome.type === 'rename') return renamedType(frame, outcome.at, outcome.from, outcome.to)
  const parts = outcome.pieces.map((piece) => (typeof piece === 'number' ? frame.subarray(spans[piece * 2], spans[piece * 2 + 1]) : piece))
  return Buffer.concat(parts)
}

/** The type comes before anything that varies, so it stands at the same place in each frame. */
function renaming(sent: string, came: string, from: string, spans: readonly number[]): Outcome | undefined {
  const [head] = came.split(from) as [string]
  const rest = came.slice(head.length + from.length)
  if (head.length >= (spans[0] as number) || !sent.startsWith(head) || !sent.endsWith(rest)) return undefined
  return { type: 'rename', at: head.length, from, to: sent.slice(head.length, sent.length - rest.length) }
}

/** Its constant pieces, and between them the numbers of the frame's texts. Undefined: one does not stand in it exactly once under its name, or two are one there. */
function rewriting(sent: string, came: string, names: readonly string[], spans: readonly number[]): Outcome | undefined {
  const places = new Map<number, { readonly index: number; readonly end: number }>()
  for (const [index, name] of names.entries()) {
    const said = came.slice(spans[index * 2], spans[index * 2 + 1])
    const [before, ...after] = sent.split(`"${name}":"${said}"`)
    const at = `${before}"${name}":"`.length
    if (after.length !== 1 || places.has(at)) return undefined
    places.set(at, { index, end: at + said.length })
  }
  const pieces: (Buffer | number)[] = []
  let from = 0
  for (const [at, { index, end }] of [...places].sort(([a], [b]) => a - b)) {
    pieces.push(Buffer.from(sent.slice(from, at), 'latin1'), index)
    from = end
  }
  pieces.push(Buffer.from(sent.slice(from), 'latin1'))
  return { type: 'rewrite', pieces }
}
