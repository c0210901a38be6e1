// The upstream's frames that go on without `step`: audio, and those that repeat an earlier one but for texts that no rule looks at.
import type { AudioDelta } from '../core/protocol/audio-delta.js'
import { type Frame, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import { type Found, type FramePattern, isRepeated, matchesPattern, patternOf } from '../core/protocol/repeated-frame.js'
import type { NoReading } from '../core/protocol/wire.js'
import type { Action } from '../core/session/actions.js'
import type { SessionState } from '../core/session/state.js'
import type { Note, Recorder } from '../ports/notes.js'
import type { GuardGate } from './guard-gate.js'
import { type Outcome, outcomeOf, rewritten } from './lane-outcome.js'
import type { Leg } from './leg.js'
import type { Meters } from './meters.js'
import { PartLane } from './part-lane.js'
import type { PlaybackLedger } from './playback-ledger.js'
import { type Going, tellGone } from './record.js'
import { isWords, SaidSoFar } from './said.js'
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
const NO_COUNTERPART = { type: 'event_dropped', side: 'client', why: 'no_counterpart' } as const satisfies Note
/** Where the last frame that matched has its texts: begin and end of each. Used before the next frame is looked at. */
const spans: number[] = []

export class UpstreamLane {
  readonly #client: Leg
  readonly #meters: Meters
  readonly #recorder: Recorder
  readonly turns: TurnClock
  readonly said = new SaidSoFar()
  readonly parts = new PartLane()
  /** Absent: nobody follows what the client plays. */
  readonly playback: PlaybackLedger | undefined
  /** Absent: no guard looks at answers. Else all but their sound is read. */
  readonly gate: GuardGate | undefined
  /** What is known holds for this state alone: any change of it may change what becomes of a frame. */
  #state: SessionState | undefined
  #known: readonly Known[] = NOTHING
  /** While a frame is handled. */
  #original: Frame | undefined
  #copy: Frame | undefined

  constructor(client: Leg, meters: Meters, recorder: Recorder, turns: TurnClock, playback?: PlaybackLedger, gate?: GuardGate) {
    this.#client = client
    this.#meters = meters
    this.#recorder = recorder
    this.turns = turns
    this.playback = playback
    this.gate = gate
  }

  /** True: the frame has gone on, or was dropped, as `step` would have had it. */
  passes(leg: Leg, frame: Frame, state: SessionState): boolean {
    const audioBytes = leg.wire.audioIn(frame)
    if (audioBytes >= 0) {
      if (this.gate !== undefined) this.#gated(this.gate, leg, frame, audioBytes, state.playing.discarded)
      else if (this.playback === undefined || this.playback.passes(frame, state.playing.discarded)) this.#sound(this.#client.wire.audioOut(frame, leg.wire), audioBytes)
      return true
    }
    if (this.gate !== undefined) return false
    if (state !== this.#state) {
      this.#known = NOTHING
      this.#state = undefined
    }
    for (const { pattern, outcome, itemId, words } of this.#known) {
      if (!matchesPattern(pattern, frame, spans)) continue
      if (words >= 0) this.said.add(itemId, frame, spans[words * 2] as number, spans[words * 2 + 1] as number)
      this.#repeat(outcome, frame)
      return true
    }
    return leg.wire.name === 'ga' && this.#passesPart(frame, state)
  }

  /** A frame of the client is read: how its wire spells events may depend on it. */
  clientSpeaks(): void {
    this.#meters.laneMisses++
    this.#state = undefined
  }

  #sound(frame: Frame, audioBytes: number): void {
    this.#meters.serverAudioBytes += audioBytes
    this.#client.send(frame)
    this.turns.audio(audioBytes)
  }

  /** Spelled for the client as it comes, since it may go when another frame has been looked at. */
  #gated(gate: GuardGate, leg: Leg, frame: Frame, audioBytes: number, discarded: string | undefined): void {
    const go = (out: Frame, now: string | undefined, delta: AudioDelta | undefined) => {
      if (this.playback === undefined || this.playback.passes(out, now, delta)) this.#sound(out, audioBytes)
    }
    gate.sound(this.#client.wire.audioOut(frame, leg.wire), go, discarded)
  }

  #passesPart(frame: Frame, state: SessionState): boolean {
    const shape = this.parts.match(frame, state, spans)
    if (!shape) return false
    const { wordsAt, outcome, ofCall } = shape
    if (wordsAt >= 0) this.said.add(this.parts.itemId, frame, spans[wordsAt * 2] as number, spans[wordsAt * 2 + 1] as number)
    else if (!this.parts.keep(frame)) return false
    this.#repeat(outcome, frame)
    if (this.turns.awaitsText && wordsAt >= 0 && !ofCall) this.turns.text()
    return true
  }

  /** An event of the upstream, or of the relay, that was read: it goes at once, or waits behind the gate of guards. */
  send({ event, frame, gate: mark }: Extract<Action, { type: 'send' }>, going: Going): void {
    const { gate } = this
    if (!gate || !mark) return this.deliver(event, frame)
    const go = (bytes: Frame | undefined) => {
      tellGone(this.#recorder, event, going)
      this.deliver(event, bytes)
    }
    if (gate.passes(mark)) return go(frame)
    // The frame may be a view of a larger read.
    const kept = frame && Buffer.from(frame)
    const words = isWords(event.type) ? { itemId: stringAt(event, 'item_id'), characters: stringAt(event, 'delta')?.length ?? 0 } : undefined
    gate.hold(mark, kept?.length ?? JSON.stringify(event).length, () => go(kept), words)
  }

  /** A copy of a frame that `leg` has just read, as the client reads it, if that can be told. Until `learn`, the frame itself is sent for it, if it is sent: in one row with its neighbours. */
  copyOf(leg: Leg, frame: Frame): Frame | undefined {
    this.#copy = this.#client.wire.respelled(frame, leg.wire)
    this.#original = leg.wire.name === this.#client.wire.name ? frame : undefined
    return this.#copy
  }

  /** `frame`: the event's bytes, if they are to be sent. */
  deliver(event: RealtimeEvent, frame: Frame | undefined): void {
    this.playback?.sends(event)
    if (frame) this.#client.send(frame === this.#copy && this.#original ? this.#original : frame)
    else if (!this.#client.sendEvent(event)) this.#recorder.note(NO_COUNTERPART)
  }

  /** A frame that no event could be made of. */
  unread(problem: NoReading['problem']): void {
    this.#recorder.note({ type: 'event_dropped', side: 'upstream', why: problem === 'no_counterpart' ? 'no_counterpart' : 'not_an_event' })
  }

  /**
   * `step` has handled the events of this frame by these actions. If it is one by one, the next of its kind need not be read: of an item under way at any
   * time, any other if the state is as it was. `laned`: nothing but that kept it from going on unread.
   */
  learn(leg: Leg, frame: Frame, laned: boolean, events: readonly RealtimeEvent[], before: SessionState, state: SessionState, actions: readonly Action[]): void {
    this.#original = undefined
    this.#copy = undefined
    if (!laned || this.gate !== undefined) return
    const [event, ...others] = events
    const [action, ...more] = actions
    if (!event || !action || others.length > 0 || more.length > 0) return
    // Other upstreams tell of an item by events that its translation must see, all of them.
    if (leg.wire.name === 'ga' && this.parts.learn(frame, event, before, (found) => this.#outcomeOf(action, leg, frame, event.type, found))) return
    if (!isRepeated(event.type) || state !== before) return
    const found = patternOf(frame)
    const outcome = found && this.#outcomeOf(action, leg, frame, event.type, found)
    if (!outcome) return
    if (state !== this.#state) this.#known = NOTHING
    this.#state = state
    const itemId = stringAt(event, 'item_id')
    const words = found.pattern.names.indexOf('delta')
    this.#known = [{ pattern: found.pattern, outcome, itemId, words }, ...this.#known.slice(0, MOST_KNOWN - 1)]
  }

  #outcomeOf(action: Action, leg: Leg, frame: Frame, eventType: string, found: Found): Outcome | undefined {
    if (action.type === 'note') return action
    if (action.type !== 'send' || action.to !== 'client') return undefined
    if (action.frame && leg.wire.name === this.#client.wire.name) return { type: 'forward' }
    const texts = this.#client.wire.write(action.event)
    if (texts.length === 0) return { type: 'note', note: NO_COUNTERPART }
    return texts.length === 1 ? outcomeOf(texts[0] as string, frame, eventType, found) : undefined
  }

  #repeat(outcome: Outcome, frame: Frame): void {
    if (outcome.type === 'note') this.#recorder.note(outcome.note)
    else this.#client.send(outcome.type === 'forward' ? frame : rewritten(outcome, frame, spans))
  }
}
