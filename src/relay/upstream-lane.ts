// The upstream's frames that go on without `step`: audio, and those that repeat an earlier one but for texts that no rule looks at.
import { type Frame, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import { type FramePattern, isRepeated, matchesPattern, patternOf } from '../core/protocol/repeated-frame.js'
import type { NoReading } from '../core/protocol/wire.js'
import type { Action } from '../core/session/actions.js'
import type { SessionState } from '../core/session/state.js'
import type { Recorder } from '../ports/notes.js'
import type { Outcome } from './lane-outcome.js'
import type { Leg } from './leg.js'
import type { Meters } from './meters.js'
import { PartLane } from './part-lane.js'
import { SaidSoFar } from './said.js'
import type { TurnClock } from './turn-clock.js'

interface Known {
  readonly pattern: FramePattern
  readonly outcome: Outcome
  /** Whose words the delta is, and which of the texts that vary it is. */
  readonly itemId: string | undefined
  readonly words: number
}

/** The transcripts of both sides, and the arguments of a call. */
const MOST_KNOWN = 3
const NOTHING: readonly Known[] = []
const DELTA = Buffer.from('"delta":"')
/** Where the last frame that matched has its texts: begin and end of each. Used before the next frame is looked at. */
const spans: number[] = []

export class UpstreamLane {
  readonly #client: Leg
  readonly #meters: Meters
  readonly #recorder: Recorder
  readonly turns: TurnClock
  readonly said = new SaidSoFar()
  readonly parts = new PartLane()
  /** What is known holds for this state alone: any change of it may change what becomes of a frame. */
  #state: SessionState | undefined
  #known: readonly Known[] = NOTHING

  constructor(client: Leg, meters: Meters, recorder: Recorder, turns: TurnClock) {
    this.#client = client
    this.#meters = meters
    this.#recorder = recorder
    this.turns = turns
  }

  /** True: the frame has gone on, or was dropped, as `step` would have had it. */
  passes(leg: Leg, frame: Frame, state: SessionState): boolean {
    const audioBytes = leg.wire.audioIn(frame)
    if (audioBytes >= 0) {
      this.#meters.serverAudioBytes += audioBytes
      this.#client.send(this.#client.wire.audioOut(frame, leg.wire))
      if (this.turns.awaitsAudio) this.turns.audio(audioBytes)
      return true
    }
    if (state !== this.#state) {
      this.#known = NOTHING
      this.#state = undefined
    }
    for (const { pattern, outcome, itemId, words } of this.#known) {
      if (!matchesPattern(pattern, frame, spans)) continue
      if (outcome.type === 'rewrite' && !this.#isAscii(frame)) return false
      if (words >= 0) this.said.add(itemId, frame.toString('utf8', spans[words * 2], spans[words * 2 + 1]))
      this.#repeat(outcome, frame)
      return true
    }
    return leg.wire.name === 'ga' && this.#passesPart(frame, state)
  }

  #passesPart(frame: Frame, state: SessionState): boolean {
    const outcome = this.parts.match(frame, state, spans)
    if (!outcome || (outcome.type === 'rewrite' && !this.#isAscii(frame)) || !this.parts.keep(frame, state)) return false
    this.#repeat(outcome, frame)
    return true
  }

  /** A frame that no event could be made of. */
  unread(problem: NoReading['problem']): void {
    this.#recorder.note({ type: 'event_dropped', side: 'upstream', why: problem === 'no_counterpart' ? 'no_counterpart' : 'not_an_event' })
  }

  /**
   * `step` has handled the events of this frame by these actions. If it is one by one, the next of its kind need not be read: of a part at any time,
   * any other if the state is as it was.
   */
  learn(frame: Frame, events: readonly RealtimeEvent[], before: SessionState, state: SessionState, actions: readonly Action[]): void {
    const [event, ...others] = events
    const [action, ...more] = actions
    if (!event || !action || others.length > 0 || more.length > 0) return
    this.parts.learn(frame, event, before, (spans) => this.#outcomeOf(action, frame, spans))
    if (!isRepeated(event.type) || state !== before) return
    const found = patternOf(frame)
    const outcome = found && this.#outcomeOf(action, frame, found.spans)
    if (!outcome) return
    if (state !== this.#state) this.#known = NOTHING
    this.#state = state
    const itemId = stringAt(event, 'item_id')
    const words = found.pattern.constants.findIndex((constant) => constant.subarray(-DELTA.length).equals(DELTA))
    this.#known = [{ pattern: found.pattern, outcome, itemId, words }, ...this.#known.slice(0, MOST_KNOWN - 1)]
  }

  #outcomeOf(action: Action, frame: Frame, spans: readonly number[]): Outcome | undefined {
    if (action.type === 'note') return action
    if (action.type !== 'send' || action.to !== 'client') return undefined
    if (action.frame) return { type: 'forward' }
    const [text, ...more] = this.#client.wire.write(action.event)
    return text === undefined || more.length > 0 ? undefined : rewriting(text, frame, spans)
  }

  #repeat(outcome: Outcome, frame: Frame): void {
    if (outcome.type === 'forward') this.#client.send(frame)
    else if (outcome.type === 'note') this.#recorder.note(outcome.note)
    else {
      let text = ''
      for (const piece of outcome.pieces) text += typeof piece === 'string' ? piece : frame.toString('latin1', spans[piece * 2], spans[piece * 2 + 1])
      this.#client.send(text)
    }
  }

  /** Of the texts that vary. Others are encoded by `write`, which replaces what is no character. */
  #isAscii(frame: Frame): boolean {
    for (let i = 0; i < spans.length; i += 2) {
      for (let at = spans[i] as number; at < (spans[i + 1] as number); at++) if ((frame[at] as number) > 0x7e) return false
    }
    return true
  }
}

/** How to make the client's text of another frame: its constant pieces, and between them the numbers of the frame's texts. Undefined: a text is not in it exactly once. */
function rewriting(text: string, frame: Frame, spans: readonly number[]): Outcome | undefined {
  const places: { readonly at: number; readonly end: number; readonly index: number }[] = []
  for (let i = 0; i < spans.length; i += 2) {
    const quoted = `"${frame.toString('utf8', spans[i], spans[i + 1])}"`
    const at = text.indexOf(quoted)
    if (at < 0 || text.indexOf(quoted, at + 1) >= 0) return undefined
    places.push({ at: at + 1, end: at + quoted.length - 1, index: i / 2 })
  }
  places.sort((a, b) => a.at - b.at)
  const pieces: (string | number)[] = []
  let from = 0
  for (const { at, end, index } of places) {
    pieces.push(text.slice(from, at), index)
    from = end
  }
  pieces.push(text.slice(from))
  return { type: 'rewrite', pieces }
}
