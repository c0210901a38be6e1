// Keeps what guards have not cleared of an answer, its sound as well, in the order in which it came. Core says what may go and what never does.
import { followsAnswers, mayHold } from '../core/policy/guards.js'
import { type AudioDelta, audioDeltaOf } from '../core/protocol/audio-delta.js'
import type { Frame } from '../core/protocol/events.js'
import type { GatePlace } from '../core/session/actions.js'
import type { Input } from '../core/session/inputs.js'
import type { NewSession } from '../ports/session.js'

/** Words of a delta that waits. */
export interface HeldWords {
  readonly itemId: string | undefined
  readonly characters: number
}

interface Held extends GatePlace {
  readonly bytes: number
  readonly words: HeldWords | undefined
  /** `discarded`: the response that was interrupted meanwhile. */
  readonly go: (discarded: string | undefined) => void
}

interface Known {
  mark: number
  cleared: number
}

const MOST_BYTES = 2 * 1024 * 1024
/** Responses whose marks are known. Of those before nothing comes any more. */
const MOST_KNOWN = 64

interface Gated {
  readonly opened: Pick<NewSession, 'profile' | 'call'>
  apply(input: Input): boolean
}

/** Undefined: no guard looks at answers, and their frames take the fast lanes. */
export function createGuardGate(session: Gated, mostBytes = MOST_BYTES): GuardGate | undefined {
  const { profile, call } = session.opened
  return profile.guards && followsAnswers(profile.guards) ? new GuardGate(session, !call && mayHold(profile.guards), mostBytes) : undefined
}

export class GuardGate {
  readonly #session: Gated
  readonly #holds: boolean
  readonly #mostBytes: number
  #queue: Held[] = []
  #bytes = 0
  readonly #known = new Map<string, Known>()
  readonly #dropped = new Set<string>()
  #toldFull = false

  constructor(session: Gated, holds: boolean, mostBytes: number) {
    this.#session = session
    this.#holds = holds
    this.#mostBytes = mostBytes
  }

  get heldBytes(): number {
    return this.#bytes
  }

  /** So many of the last words of an item have not gone. */
  heldCharacters(itemId: string): number {
    return this.#queue.reduce((sum, { words }) => (words?.itemId === itemId ? sum + words.characters : sum), 0)
  }

  /** True: the event goes at once, behind nothing that waits. Else it is to be held. */
  passes({ responseId, mark }: GatePlace): boolean {
    const known = this.#knownOf(responseId)
    known.mark = Math.max(known.mark, mark)
    return this.#queue.length === 0 && mark <= known.cleared
  }

  hold(place: GatePlace, bytes: number, go: Held['go'], words?: HeldWords): void {
    this.#queue.push({ responseId: place.responseId, mark: place.mark, bytes, go, words })
    this.#bytes += bytes
    if (this.#bytes <= this.#mostBytes || this.#toldFull) return
    // Core may be at work on the event that filled it.
    this.#toldFull = true
    queueMicrotask(() => this.#full())
  }

  /** Sound stands where the last words of its response stand, and behind the first: words come before their sound. */
  sound(frame: Frame, go: (frame: Frame, discarded: string | undefined, delta: AudioDelta | undefined) => void, discarded: string | undefined): void {
    const delta = audioDeltaOf(frame)
    const responseId = delta?.responseId
    if (responseId === undefined ? this.#holds : this.#dropped.has(responseId)) return
    if (!this.#holds || responseId === undefined) return go(frame, discarded, delta)
    const place = { responseId, mark: Math.max(1, this.#knownOf(responseId).mark) }
    if (this.passes(place)) return go(frame, discarded, delta)
    // The frame may be a view of a larger read.
    const copy = Buffer.from(frame)
    this.hold(place, copy.length, (now) => go(copy, now, delta))
  }

  release(responseId: string, mark: number, discarded: string | undefined): void {
    const known = this.#knownOf(responseId)
    known.cleared = Math.max(known.cleared, mark)
    this.#flush(discarded)
  }

  drop(responseId: string, discarded: string | undefined): void {
    this.#dropped.add(responseId)
    bound(this.#dropped)
    this.#forget(responseId)
    this.#flush(discarded)
  }

  /** But what has no words: the client sees it end as it saw it begin. */
  #forget(responseId: string): void {
    this.#queue = this.#queue.filter((one) => one.responseId !== responseId || one.mark === 0)
    this.#bytes = this.#queue.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  #flush(discarded: string | undefined): void {
    for (let next = this.#queue[0]; next && next.mark <= this.#knownOf(next.responseId).cleared; next = this.#queue[0]) {
      this.#queue.shift()
      this.#bytes -= next.bytes
      next.go(discarded)
    }
  }

  #full(): void {
    while (this.#bytes > this.#mostBytes) {
      const { responseId } = this.#queue[0] as Held
      this.#session.apply({ type: 'output.full', responseId })
      // Core knows nothing of it: sound of which no event has come.
      if (this.#queue[0]?.responseId === responseId && this.#bytes > this.#mostBytes) this.drop(responseId, undefined)
    }
    this.#toldFull = false
  }

  #knownOf(responseId: string): Known {
    const known = this.#known.get(responseId) ?? { mark: 0, cleared: 0 }
    if (!this.#known.has(responseId)) {
      this.#known.set(responseId, known)
      bound(this.#known)
    }
    return known
  }
}

function bound(kept: Map<string, Known> | Set<string>): void {
  if (kept.size <= MOST_KNOWN) return
  const [oldest] = kept.keys()
  if (oldest !== undefined) kept.delete(oldest)
}
