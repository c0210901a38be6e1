// Events of an item under way go on unread once one of their shape was read: its deltas, and what opens and closes its parts. Core hears of the latter if it matters: at a loss.
import { isDeepStrictEqual } from 'node:util'
import { decodeEvent, UPSTREAM_LIMITS } from '../core/protocol/codec.js'
import { type Frame, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import { deltaPatternOf, type Found, type FramePattern, isDeltaOfItem, isOfPart, matchesPattern, partPatternOf } from '../core/protocol/repeated-frame.js'
import { isClientCallItem, isHidden } from '../core/session/items.js'
import { neverRestored } from '../core/session/restore/state.js'
import type { SessionState } from '../core/session/state.js'
import type { Outcome } from './lane-outcome.js'

/** Never changes, so that sessions can have the same one. */
interface Shape {
  readonly type: string
  readonly pattern: FramePattern
  readonly outcome: Outcome
  /** Of a call, else of a message. */
  readonly ofCall: boolean
  /** Which of the texts that vary are the ids. */
  readonly itemAt: number
  readonly responseAt: number
  /** Which is the delta; -1: it is none, and core has to hear of it. */
  readonly wordsAt: number
}

interface Item {
  readonly responseId: string
  readonly itemId: string
  /** The same, as frames have them. */
  readonly responseBytes: Buffer
  readonly itemBytes: Buffer
  readonly isCall: boolean
}

/** A message opens and closes one part with four events. Of an upstream that goes on, the rest is read. */
const MOST_PASSED = 16
/** Of one type: what is spoken and what is written have parts of their own kind. */
const MOST_SHAPES = 2
const NOTHING: readonly Frame[] = []
/** Of the process. Whoever learns what none of these says has a shape of its own. */
const MOST_SHARED = 64
let sharedShapes: readonly WeakRef<Shape>[] = []

export class PartLane {
  /** Those that came last are looked at first. */
  readonly #shapes: Shape[] = []
  /** The item under way in this state. */
  #item: Item | undefined
  #state: SessionState | undefined
  /** Passed since the item `#passedOf` began, as copies. */
  #passed: Frame[] | undefined
  #passedOf: string | undefined

  /** What is to be done with a frame of the item under way; undefined: it must be read. */
  match(frame: Frame, state: SessionState, spans: number[]): Shape | undefined {
    if (this.#shapes.length === 0) return undefined
    if (state !== this.#state) {
      this.#item = underWay(state)
      // An idle session keeps no state but its own.
      this.#state = this.#item ? state : undefined
    }
    const item = this.#item
    if (!item) return undefined
    const shapes = this.#shapes
    for (let i = 0; i < shapes.length; i++) {
      const shape = shapes[i] as Shape
      if (shape.ofCall !== item.isCall || !matchesPattern(shape.pattern, frame, spans)) continue
      // Deltas of one kind come in a row.
      for (let j = i; j > 0; j--) shapes[j] = shapes[j - 1] as Shape
      shapes[0] = shape
      return isAt(frame, spans, shape.itemAt, item.itemBytes) && isAt(frame, spans, shape.responseAt, item.responseBytes) ? shape : undefined
    }
    return undefined
  }

  /** Of the last frame that matched. */
  get itemId(): string | undefined {
    return this.#item?.itemId
  }

  /** The frame that has just matched goes on, and core is to hear of it. False: no more of this item may go on unread. */
  keep(frame: Frame): boolean {
    const { itemId } = this
    if (itemId !== this.#passedOf) this.#passed = undefined
    this.#passedOf = itemId
    this.#passed ??= []
    if (this.#passed.length >= MOST_PASSED) return false
    // The frame may be a view of a read of 64 KiB, which must not live on.
    this.#passed.push(Buffer.from(frame))
    return true
  }

  /** `step` has handled the one event of this frame by this one outcome, with this state before. True: the next of its shape need not be read. */
  learn(frame: Frame, event: RealtimeEvent, before: SessionState, outcomeOf: (found: Found) => Outcome | undefined): boolean {
    const isDelta = isDeltaOfItem(event.type)
    if (!isDelta && !isOfPart(event.type)) return false
    const item = underWay(before)
    if (!item || stringAt(event, 'item_id') !== item.itemId || stringAt(event, 'response_id') !== item.responseId) return false
    const found = isDelta ? deltaPatternOf(frame) : partPatternOf(frame)
    const outcome = found && outcomeOf(found)
    if (!outcome || outcome.type === 'note') return false
    const { names } = found.pattern
    const [itemAt, responseAt, wordsAt] = [names.indexOf('item_id'), names.indexOf('response_id'), names.indexOf('delta')]
    if (names.lastIndexOf('item_id') !== itemAt || names.lastIndexOf('response_id') !== responseAt || isDelta !== names.includes('delta')) return false
    const shape = shared({ type: event.type, pattern: found.pattern, outcome, ofCall: item.isCall, itemAt, responseAt, wordsAt })
    const ofType = this.#shapes.filter(({ type }) => type === event.type)
    const leaves = ofType.includes(shape) ? shape : ofType.length < MOST_SHAPES ? undefined : ofType.at(-1)
    if (leaves) this.#shapes.splice(this.#shapes.indexOf(leaves), 1)
    this.#shapes.unshift(shape)
    return true
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
    if (itemId === this.#passedOf) this.#passed = undefined
  }
}

/**
 * The shape itself, or one that says the same and that another session has: what a frame of that session brought into the caches is there for this one's.
 * The process keeps none that no session has.
 */
function shared(shape: Shape): Shape {
  for (const ref of sharedShapes) {
    const other = ref.deref()
    if (other && isDeepStrictEqual(other, shape)) return other
  }
  sharedShapes = [new WeakRef(shape), ...sharedShapes.filter((ref) => ref.deref() !== undefined).slice(0, MOST_SHARED - 1)]
  return shape
}

/** The item that is being told, if the client sees it as the upstream tells it: a message, or a call of its own. */
function underWay(state: SessionState): Item | undefined {
  const response = state.underWay.responses.at(-1)
  const item = response?.items.at(-1)
  const { active } = state.responses
  if (!response || !item || item.final) return undefined
  const isCall = item.item.type === 'function_call'
  if (isCall ? !isClientCallItem(state.items, item.id) : item.item.type !== 'message' || item.item.role !== 'assistant') return undefined
  if (active?.id !== response.id || active.deferred || state.restored !== neverRestored || isHidden(state.items, item.id)) return undefined
  // Deltas of an answer that was interrupted do not go on.
  if (state.playing.discarded === response.id) return undefined
  return { responseId: response.id, itemId: item.id, responseBytes: Buffer.from(response.id), itemBytes: Buffer.from(item.id), isCall }
}

function isAt(frame: Frame, spans: readonly number[], index: number, bytes: Buffer): boolean {
  const from = spans[index * 2] as number
  const to = spans[index * 2 + 1] as number
  if (to - from !== bytes.length) return false
  for (let i = 0; i < bytes.length; i++) if (frame[from + i] !== bytes[i]) return false
  return true
}
