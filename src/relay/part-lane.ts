// Events that open and close a part of a message go on unread once one of their shape was read. Core hears of them when it matters: at a loss.
import { decodeEvent, UPSTREAM_LIMITS } from '../core/protocol/codec.js'
import { type Frame, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import { type FramePattern, isOfPart, matchesPattern, partPatternOf } from '../core/protocol/repeated-frame.js'
import { isHidden } from '../core/session/items.js'
import { neverRestored } from '../core/session/restore/state.js'
import type { SessionState } from '../core/session/state.js'
import type { Outcome } from './lane-outcome.js'

interface Shape {
  readonly type: string
  readonly pattern: FramePattern
  readonly outcome: Outcome
  /** Which of the texts that vary are the ids. */
  readonly itemAt: number
  readonly responseAt: number
}

/** A message opens and closes one part with four events. Of an upstream that goes on, the rest is read. */
const MOST_PASSED = 16
const NOTHING: readonly Frame[] = []

export class PartLane {
  #shapes: readonly Shape[] = []
  /** Passed since the item began, as copies. */
  #passed: Frame[] | undefined
  #itemId: string | undefined

  /** What is to be done with a frame of the message under way; undefined: it must be read. */
  match(frame: Frame, state: SessionState, spans: number[]): Outcome | undefined {
    if (this.#shapes.length === 0) return undefined
    const ids = underWay(state)
    if (!ids) return undefined
    for (const { pattern, outcome, itemAt, responseAt } of this.#shapes) {
      if (matchesPattern(pattern, frame, spans)) return isAt(frame, spans, itemAt, ids.itemId) && isAt(frame, spans, responseAt, ids.responseId) ? outcome : undefined
    }
    return undefined
  }

  /** The frame has gone on. False: no more of this item may go on unread. */
  keep(frame: Frame, state: SessionState): boolean {
    const itemId = underWay(state)?.itemId
    if (itemId !== this.#itemId) this.#passed = undefined
    this.#itemId = itemId
    this.#passed ??= []
    if (this.#passed.length >= MOST_PASSED) return false
    // The frame may be a view of a read of 64 KiB, which must not live on.
    this.#passed.push(Buffer.from(frame))
    return true
  }

  /** `step` has handled the one event of this frame by this one outcome, with this state before. */
  learn(frame: Frame, event: RealtimeEvent, before: SessionState, outcomeOf: (spans: readonly number[]) => Outcome | undefined): void {
    const ids = underWay(before)
    if (!isOfPart(event.type) || !ids || stringAt(event, 'item_id') !== ids.itemId || stringAt(event, 'response_id') !== ids.responseId) return
    const found = partPatternOf(frame)
    const outcome = found && outcomeOf(found.spans)
    if (!outcome || outcome.type === 'note') return
    const { names } = found.pattern
    const [itemAt, responseAt] = [names.indexOf('item_id'), names.indexOf('response_id')]
    if (itemAt < 0 || responseAt < 0 || names.lastIndexOf('item_id') !== itemAt || names.lastIndexOf('response_id') !== responseAt) return
    this.#shapes = [{ type: event.type, pattern: found.pattern, outcome, itemAt, responseAt }, ...this.#shapes.filter(({ type }) => type !== event.type)]
  }

  /** What core has not heard of the item under way, oldest first. Afterwards it has. */
  take(): readonly RealtimeEvent[] {
    const passed = this.#passed ?? NOTHING
    this.#passed = undefined
    return passed.flatMap((frame) => {
      const decoded = decodeEvent(frame, UPSTREAM_LIMITS)
      return decoded.ok ? [decoded.event] : []
    })
  }

  /** This item is whole: what opened and closed its parts does not matter any more. */
  itemDone(itemId: string | undefined): void {
    if (itemId === this.#itemId) this.#passed = undefined
  }
}

/** The message that is being said, if the client sees it as the upstream tells it. */
function underWay(state: SessionState): { readonly responseId: string; readonly itemId: string } | undefined {
  const response = state.underWay.responses.at(-1)
  const item = response?.items.at(-1)
  const { active } = state.responses
  if (!response || !item || item.final || item.item.type !== 'message' || item.item.role !== 'assistant') return undefined
  if (active?.id !== response.id || active.deferred || state.restored !== neverRestored || isHidden(state.items, item.id)) return undefined
  return { responseId: response.id, itemId: item.id }
}

function isAt(frame: Frame, spans: readonly number[], index: number, text: string): boolean {
  const from = spans[index * 2] as number
  const to = spans[index * 2 + 1] as number
  if (to - from !== text.length) return false
  for (let i = 0; i < text.length; i++) if (frame[from + i] !== text.charCodeAt(i)) return false
  return true
}
