// One session at work: frames in, fast lane or step, actions out in order. The only place where a client link meets an upstream link.
import type { DialectName } from '../core/protocol/dialect.js'
import type { Frame, Side } from '../core/protocol/events.js'
import type { Action, Ending } from '../core/session/actions.js'
import { dueAt } from '../core/session/budget.js'
import type { Input } from '../core/session/inputs.js'
import type { Lanes } from '../core/session/lanes.js'
import { lanesOf, type SessionState } from '../core/session/state.js'
import { step } from '../core/session/step.js'
import { wantedFromMs } from '../core/session/voice.js'
import type { Link } from '../ports/link.js'
import type { NewSession } from '../ports/session.js'
import type { UpstreamConnection } from '../ports/upstream.js'
import { Alarm } from './alarm.js'
import { type AudioRing, createAudioRing } from './audio-ring.js'
import { ClientRate } from './client-rate.js'
import type { SessionDeps } from './deps.js'
import { firstState } from './first-state.js'
import { frameRefused } from './frame-inputs.js'
import { createGuardGate } from './guard-gate.js'
import { SessionLedger } from './ledger.js'
import { Leg, type Sides } from './leg.js'
import { closedInput, eventInputs, stalledInput, tickInput } from './loss-inputs.js'
import { createMeters, sampled } from './meters.js'
import { NextLeg } from './next-leg.js'
import { type Effects, perform } from './perform.js'
import { createPlaybackLedger } from './playback-ledger.js'
import { tellWords } from './record.js'
import { endClient, Listing, recordBegin } from './session-report.js'
import type { Timetable } from './timetable.js'
import { TurnClock } from './turn-clock.js'
import { UpstreamLane } from './upstream-lane.js'

export class RelayedSession implements Effects, Sides {
  // What each frame needs comes first, and so lies together: among a thousand sessions every cache line of one is read from far away.
  #ended = false
  #clientEnded = false
  #lanes: Lanes
  readonly #rate: ClientRate
  readonly meters = createMeters()
  readonly client: Leg
  /** Core speaks to this one. */
  #upstream: Leg | undefined
  readonly #next = new NextLeg()
  readonly opened: NewSession
  readonly deps: SessionDeps
  readonly ledger = new SessionLedger(this)
  readonly toolAborts = new Map<string, AbortController>()
  readonly listing = new Listing()
  state: SessionState
  readonly #alarm: Alarm
  readonly clock: () => number
  readonly #startedAt: number
  tokenId: string | undefined
  readonly #onEnd: () => void
  readonly lane: UpstreamLane
  readonly audio: AudioRing

  constructor(opened: NewSession, deps: SessionDeps, timetable: Timetable, onEnd: () => void) {
    this.opened = opened
    this.deps = deps
    this.#onEnd = onEnd
    this.clock = deps.steady ?? deps.now
    this.#startedAt = this.clock()
    this.#rate = new ClientRate(opened.profile.limits, deps.settings, timetable)
    this.tokenId = opened.identity.tokenId
    this.state = firstState(opened, deps, this.#startedAt)
    this.#lanes = lanesOf(this.state)
    this.#alarm = new Alarm(timetable, this, dueAt(this.state))
    this.client = this.#leg('client', opened.client, opened.dialect, 0, '')
    this.audio = createAudioRing(opened.profile.limits, deps.audio, this.state.voice.openFromMs, opened.recorder.sound)
    this.lane = new UpstreamLane(this.client, this.meters, opened.recorder, new TurnClock(this, timetable), createPlaybackLedger(this), createGuardGate(this))
  }

  #leg(side: Side, link: Link, dialect: DialectName, number: number, deployment: string): Leg {
    return new Leg({ side, link, dialect, number, deployment, sides: this, alarm: this.#alarm, settings: this.deps.settings, recorder: this.opened.recorder })
  }

  opposite(side: Side): Leg | undefined {
    return side === 'client' ? this.#upstream : this.client
  }

  get deployment(): string {
    return this.#upstream?.deployment ?? ''
  }

  start(): void {
    const { link, reader } = this.client
    link.onClose((code) => this.apply({ type: 'client.closed', code }))
    link.onFrame(sampled('up', this, (frame, isBinary) => this.#fromClient(frame, isBinary)))
    link.onExtra?.((bytes) => this.#rate.extra(bytes) || reader.pause('rate'))
    // The client is read while the upstream is dialled: what comes early is held, and a client that leaves is noticed.
    reader.resume('held')
    recordBegin(this.opened, this.state, this.#startedAt)
    this.apply({ type: 'client.attached' })
  }

  apply(input: Input): boolean {
    return this.#apply(input) !== undefined
  }

  /** What core wanted done for this input; undefined: the session has ended. */
  #apply(input: Input): readonly Action[] | undefined {
    const now = this.clock()
    // What is due comes first, also between two ticks: an event after the end of a token is not handled.
    if (now >= this.#alarm.dueAt) this.#due(now)
    return this.#step(input, now)
  }

  #due(now: number): void {
    this.#step(tickInput(this.#rate.activeAt, this.state, this.#upstream, this), now)
  }

  #step(input: Input, now: number): readonly Action[] | undefined {
    if (this.#ended) return undefined
    const before = this.state
    const [state, actions] = step(before, input, now, this.audio, this.lane.playback)
    this.state = state
    const lanesMove = state.life !== before.life || state.upstream !== before.upstream || state.quota.spentUntil !== before.quota.spentUntil
    if (lanesMove) this.#lanes = lanesOf(state)
    if (state.voice !== before.voice || state.detectsTurns !== before.detectsTurns) this.audio.keepFrom(wantedFromMs(state.voice, state.detectsTurns))
    if (state.resume !== before.resume) this.lane.playback?.follow(state.resume.awayUntil !== undefined)
    this.#alarm.setDue(dueAt(state, before, this.#alarm.dueAt))
    tellWords(this.opened.recorder, before, state, input, actions, now, this.lane)
    for (const action of actions) this.#perform(action)
    if (!lanesMove) return actions
    // What a side sent while its lane was closed goes through the same rules, in order.
    this.client.release(this)
    this.#upstream?.release(this)
    return actions
  }

  #perform(action: Action): void {
    switch (action.type) {
      case 'send':
        if (action.to === 'client') return this.lane.send(action, this)
        this.audio.sent(action.event)
        return void (action.leg === undefined ? this.#upstream : this.#next.leg)?.sendEvent(action.event)
      case 'note':
        this.listing.noted(this, action.note)
        return this.opened.recorder.note(action.note)
      case 'dial':
        return this.#next.dial(this, action, (connection) => this.#upstreamLeg(action.leg, connection))
      case 'drop':
        return this.#next.close()
      case 'switch':
        return this.#switch(action.lingers)
      case 'park':
        return this.#endClient(action)
      case 'close':
        return this.#close(action)
      default:
        return perform(this, action)
    }
  }

  #upstreamLeg(number: number, { link, dialect, deployment }: UpstreamConnection): Leg {
    const leg = this.#leg('upstream', link, dialect, number, deployment)
    link.onClose((code) => this.apply(closedInput(number, code, this)))
    link.onFrame(sampled('down', this, (frame, isBinary) => this.#fromUpstream(leg, frame, isBinary)))
    link.onExtra?.(() => leg.heard++)
    return leg
  }

  #switch(lingers = false): void {
    this.#next.leave(this.#upstream, lingers)
    // The client is read again, if the leg before took too little.
    this.client.reader.resume('backlog')
    this.#upstream = this.#next.take()
    this.listing.reached(this)
  }

  #fromClient(frame: Frame, isBinary: boolean): void {
    if (this.#ended) return
    this.meters.upMessages++
    this.meters.upBytes += frame.length
    if (!this.#rate.message(frame.length)) this.client.reader.pause('rate')
    if (this.#lanes.client === 'hold') this.client.hold(frame, isBinary)
    else this.#handleClientFrame(frame, isBinary)
  }

  #handleClientFrame(frame: Frame, isBinary: boolean): void {
    const { wire } = this.client
    const upstream = this.#upstream
    const audioBytes = isBinary || this.#lanes.client !== 'pass' || !upstream ? -1 : wire.audioIn(frame)
    if (audioBytes >= 0 && upstream) {
      this.meters.laneHits++
      this.#countAudio(audioBytes)
      this.audio.push(frame, audioBytes)
      upstream.send(upstream.wire.audioOut(frame, wire))
      if (this.lane.playback !== undefined && this.clock() >= this.#alarm.dueAt) this.#due(this.clock()) // An interruption does not wait for the tick.
      return
    }
    this.lane.clientSpeaks()
    const reading = wire.read(frame, isBinary)
    if (!reading.ok) return void this.apply(frameRefused(reading))
    if (reading.audioBytes > 0) this.#countAudio(reading.audioBytes)
    for (const event of reading.events) this.apply({ type: 'client.event', event })
  }

  #countAudio(bytes: number): void {
    this.meters.clientAudioBytes += bytes
    if (!this.#rate.audio(bytes)) this.client.reader.pause('rate')
  }

  #fromUpstream(leg: Leg, frame: Frame, isBinary: boolean): void {
    if (this.#ended) return
    leg.heard++
    if (this.#lanes.upstream === 'hold') leg.hold(Buffer.from(frame), isBinary)
    else this.#handleUpstreamFrame(leg, frame, isBinary)
  }

  #handleUpstreamFrame(leg: Leg, frame: Frame, isBinary: boolean): void {
    const laned = this.#lanes.upstream === 'pass' && leg === this.#upstream && !isBinary
    if (laned && this.lane.passes(leg, frame, this.state)) return
    const reading = leg.wire.read(frame, isBinary)
    if (!reading.ok) return this.lane.unread(reading.problem)
    const before = this.state
    let actions: readonly Action[] = []
    for (const input of eventInputs(reading, leg, this.lane.copyOf(leg, frame), this)) actions = this.#apply(input) ?? []
    this.lane.learn(leg, frame, laned, reading.events, before, this.state, actions)
  }

  hearLate(): void {
    for (const event of this.lane.parts.take()) this.#step({ type: 'upstream.passed', leg: this.#upstream?.number ?? 0, event }, this.clock())
  }

  isOpen(side: Side): boolean {
    return !this.#ended && this.#lanes[side] !== 'hold'
  }

  handle(leg: Leg, frame: Frame, isBinary: boolean): void {
    if (leg === this.client) this.#handleClientFrame(frame, isBinary)
    else this.#handleUpstreamFrame(leg, frame, isBinary)
  }

  tick(now: number): void {
    if (this.#rate.refill()) this.client.reader.resume('rate')
    const stalled = stalledInput(now, this.deps.settings.slowClientMs, this.client, this.#upstream, this)
    if (stalled) this.apply(stalled)
    else if (now >= this.#alarm.dueAt) this.#due(now)
    if (!this.#ended) this.#alarm.followTicks(this.client.reader.paused || this.#upstream?.reader.paused === true)
  }

  #endClient(ending: Ending): void {
    if (this.#clientEnded) return
    this.#clientEnded = true
    endClient(this, ending, this.clock() - this.#startedAt)
  }

  #close(ending: Ending): void {
    this.#ended = true
    this.#endClient(ending)
    this.#alarm.stop()
    this.#next.end(this.#upstream)
    for (const abort of this.toolAborts.values()) abort.abort()
    this.ledger.ended(this.clock() - this.#startedAt)
    this.#onEnd()
  }
}
