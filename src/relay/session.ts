// One session at work: frames in, fast lane or step, actions out in order. The only place where a client link meets an upstream link.
import { encodeEvent } from '../core/protocol/codec.js'
import type { Dialect } from '../core/protocol/dialect.js'
import { dialectFor } from '../core/protocol/dialects.js'
import { type RefusalCode, RefusalError, toErrorEvent, toWireClose } from '../core/protocol/errors.js'
import type { Frame, RealtimeEvent } from '../core/protocol/events.js'
import { audioDeltaTypeAt, clientAudioBytes, spliceAudioDeltaType } from '../core/protocol/fast-lane.js'
import { dueAt } from '../core/session/budget.js'
import { type Input, type Lanes, lanesOf, openingState, type SessionState } from '../core/session/state.js'
import { step } from '../core/session/step.js'
import type { Link } from '../ports/link.js'
import type { NewSession } from '../ports/session.js'
import { Alarm } from './alarm.js'
import { ClientRate } from './client-rate.js'
import { Backlog, Reader } from './flow.js'
import { readClientFrame, readUpstreamFrame } from './frame-inputs.js'
import { type HeldFrames, holdFrames } from './held-frames.js'
import { SessionLedger } from './ledger.js'
import { audioDeltaBytes, newMeters } from './meters.js'
import { perform } from './perform.js'
import type { RelayDeps } from './relay.js'
import { recordEnd, show } from './session-report.js'
import type { Timetable } from './timetable.js'

export class RelayedSession {
  // What each frame needs comes first, and so lies together: among a thousand sessions every cache line of one is read from far away.
  #ended = false
  #lanes: Lanes
  readonly #rate: ClientRate
  readonly meters = newMeters()
  readonly #client: Link
  readonly #toClient: Backlog
  upstream: Link | undefined
  #toUpstream: Backlog | undefined
  clientDialect: Dialect
  upstreamDialect: Dialect = dialectFor('ga')
  #held: HeldFrames | undefined
  readonly #clientReader: Reader
  #upstreamReader: Reader | undefined
  readonly opened: NewSession
  readonly deps: RelayDeps
  readonly ledger = new SessionLedger(this)
  readonly toolAborts = new Map<string, AbortController>()
  deployment = ''
  hide = (): void => undefined
  #state: SessionState
  readonly #alarm: Alarm
  /** Until the upstream is reached: an idle session keeps no signal. */
  #dialing: AbortController | undefined
  readonly clock: () => number
  readonly #startedAt: number
  /** The session rests on this token. */
  tokenId: string | undefined
  readonly #onEnd: () => void

  constructor(opened: NewSession, deps: RelayDeps, timetable: Timetable, onEnd: () => void) {
    this.opened = opened
    this.#client = opened.client
    this.deps = deps
    this.#onEnd = onEnd
    this.clock = deps.steady ?? deps.now
    this.#startedAt = this.clock()
    this.#rate = new ClientRate(opened.profile.limits, deps.settings, timetable)
    this.tokenId = opened.identity.tokenId
    this.clientDialect = dialectFor(opened.dialect)
    this.#state = openingState({
      profile: opened.profile,
      relayIdPrefix: `relay_${deps.randomId()}_`,
      requestedModel: opened.requestedModel,
      now: this.#startedAt,
      caller: { subject: opened.identity.subject, issuer: opened.identity.issuer },
      expiresAt: this.#startedAt + opened.identity.expiresAtMs - deps.now(),
      exp: opened.identity.expiresAtMs,
    })
    this.#lanes = lanesOf(this.#state)
    this.#alarm = new Alarm(timetable, this, dueAt(this.#state))
    this.#held = holdFrames(deps.settings.bufferBytes, deps.settings.heldFrames)
    this.#clientReader = new Reader(this.#client, 'not_live', this.#alarm)
    this.#toClient = new Backlog(
      this.#client,
      () => this.#upstreamReader,
      deps.settings.bufferBytes,
      () => opened.recorder.note({ type: 'backpressure', side: 'client' }),
    )
  }

  start(): void {
    this.#client.onClose(() => this.end('client_left', 'client_left'))
    this.#client.onFrame((frame, isBinary) => this.#fromClient(frame, isBinary))
    // Read on while dialling, within the bound: what comes early is held, and a client that leaves is noticed.
    this.#clientReader.resume('not_live')
    this.opened.recorder.note({ type: 'session_opened', dialect: this.opened.dialect, profile: this.opened.profile.name })
    this.#dialing = new AbortController()
    this.deps.provider.dial({ correlationId: this.opened.sessionId, trace: this.opened.trace, signal: this.#dialing.signal }).then(
      ({ link, dialect, deployment, privateWords }) => {
        if (this.#ended) return link.close(1000, '')
        this.#dialing = undefined
        this.upstream = link
        this.deployment = deployment
        this.hide = show(this)
        this.upstreamDialect = dialectFor(dialect)
        this.#upstreamReader = new Reader(link, 'not_live', this.#alarm)
        this.#toUpstream = new Backlog(
          link,
          () => this.#clientReader,
          this.deps.settings.bufferBytes,
          () => this.opened.recorder.note({ type: 'backpressure', side: 'upstream' }),
        )
        link.onClose((code) => this.apply({ type: 'upstream.closed', code }))
        link.onFrame((frame, isBinary) => this.#fromUpstream(frame, isBinary))
        this.apply({ type: 'upstream.opened', privateWords: (privateWords ?? []).concat(deployment) })
        this.#upstreamReader.resume('not_live')
      },
      (error: unknown) => {
        if (error instanceof RefusalError) this.close(error.code, error.why, error.retryAfterSeconds)
        else this.close('internal', 'dial_failed')
      },
    )
  }

  /** False: the session has ended, and the input changed nothing. */
  apply(input: Input): boolean {
    const now = this.clock()
    // What is due comes first, also between two ticks: an event after the end of a token is not handled.
    if (this.#alarm.isDue(now)) this.#wake(now)
    return this.#step(input, now)
  }

  #wake(now: number): void {
    this.#step({ type: 'tick', clientActiveAt: this.#rate.activeAt }, now)
  }

  #step(input: Input, now: number): boolean {
    if (this.#ended) return false
    const [state, actions] = step(this.#state, input, now)
    if (state !== this.#state) {
      this.#state = state
      this.#lanes = lanesOf(state)
      this.#alarm.setDue(dueAt(state))
    }
    for (const action of actions) perform(this, action)
    return true
  }

  #fromClient(frame: Frame, isBinary: boolean): void {
    if (this.#ended) return
    this.meters.upMessages++
    this.meters.upBytes += frame.length
    if (!this.#rate.message(frame.length)) this.#clientReader.pause('rate')
    if (this.#lanes.clientAudio === 'hold') {
      if (!this.#held?.push(frame, isBinary)) this.#clientReader.pause('not_live')
      return
    }
    this.#handleClientFrame(frame, isBinary)
  }

  #handleClientFrame(frame: Frame, isBinary: boolean): void {
    const audioBytes = isBinary || this.#lanes.clientAudio !== 'pass' ? -1 : clientAudioBytes(frame)
    if (audioBytes >= 0) {
      this.meters.laneHits++
      this.#countAudio(audioBytes)
      this.sendUpstream(frame)
      return
    }
    this.meters.laneMisses++
    const { inputs, audioBytes: inEvent } = readClientFrame(frame, isBinary, this.clientDialect)
    if (inEvent > 0) this.#countAudio(inEvent)
    for (const input of inputs) this.apply(input)
  }

  #countAudio(bytes: number): void {
    this.meters.clientAudioBytes += bytes
    if (!this.#rate.audio(bytes)) this.#clientReader.pause('rate')
  }

  #fromUpstream(frame: Frame, isBinary: boolean): void {
    if (this.#ended) return
    const { audioDeltaType } = this.upstreamDialect
    const typeAt = isBinary || this.#lanes.serverAudio !== 'pass' ? -1 : audioDeltaTypeAt(frame, audioDeltaType)
    if (typeAt >= 0) {
      this.meters.serverAudioBytes += audioDeltaBytes(frame, this.meters)
      this.sendClient(spliceAudioDeltaType(frame, typeAt, audioDeltaType, this.clientDialect.audioDeltaType))
      return
    }
    const inputs = readUpstreamFrame(frame, isBinary, this.upstreamDialect, this.upstreamDialect.name === this.clientDialect.name)
    if (typeof inputs === 'string') this.opened.recorder.note({ type: 'event_dropped', side: 'upstream', why: inputs })
    else for (const input of inputs) this.apply(input)
  }

  sendClient(data: Frame | string): void {
    this.meters.downMessages++
    this.meters.downBytes += data.length
    this.#client.send(data)
    this.#toClient.check()
  }

  sendUpstream(data: Frame | string): void {
    this.upstream?.send(data)
    this.#toUpstream?.check()
  }

  /** In the client's spelling. An event that its dialect does not know is dropped and counted. */
  sendClientEvent(event: RealtimeEvent): void {
    const events = this.clientDialect.fromGa(event)
    if (events.length === 0) this.opened.recorder.note({ type: 'event_dropped', side: 'client', why: 'no_counterpart' })
    for (const one of events) this.sendClient(encodeEvent(one))
  }

  sendUpstreamEvent(event: RealtimeEvent): void {
    for (const one of this.upstreamDialect.fromGa(event)) this.sendUpstream(encodeEvent(one))
  }

  /** What the client sent before the session was live, in order, through the same rules. */
  releaseClient(): void {
    const early = this.#held?.takeAll() ?? []
    this.#held = undefined
    for (const { frame, isBinary } of early) this.#handleClientFrame(frame, isBinary)
    this.#clientReader.resume('not_live')
  }

  tick(now: number): void {
    const { slowClientMs } = this.deps.settings
    if (this.#rate.refill()) this.#clientReader.resume('rate')
    if (this.#toClient.stalledMs(now) >= slowClientMs) return this.close('slow_client', 'no_progress')
    if ((this.#toUpstream?.stalledMs(now) ?? 0) >= slowClientMs) return this.close('upstream_lost', 'no_progress')
    if (this.#alarm.isDue(now)) this.#wake(now)
    this.#alarm.followTicks(this.#clientReader.paused || this.#upstreamReader?.paused === true)
  }

  drain(untilMs: number): void {
    this.apply({ type: 'drain', untilMs })
  }

  isOf(target: { subject?: string; tokenId?: string }): boolean {
    const { identity } = this.opened
    return (target.subject !== undefined && target.subject === identity.subject) || (target.tokenId !== undefined && target.tokenId === this.tokenId)
  }

  close(code: RefusalCode, why: string, retryAfterSeconds?: number): void {
    if (this.#ended) return
    this.sendClientEvent(toErrorEvent(code, { eventId: 'event_relay_close', retryAfterSeconds }))
    const wire = toWireClose(code, retryAfterSeconds)
    this.#client.close(wire.code, wire.reason)
    this.end(code, why)
  }

  end(code: RefusalCode | 'client_left', why: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#alarm.stop()
    this.#dialing?.abort()
    for (const abort of this.toolAborts.values()) abort.abort()
    this.upstream?.close(1000, '')
    this.#held = undefined
    this.hide()
    recordEnd(this, code, why, this.clock() - this.#startedAt)
    this.opened.onEnd()
    this.#onEnd()
  }
}
