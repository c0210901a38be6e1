// The dial of a session's next upstream leg, one at a time and in its turn, and the leg it gave until core switches to it.
import { RefusalError } from '../core/protocol/errors.js'
import type { Action } from '../core/session/actions.js'
import type { UpstreamConnection } from '../ports/upstream.js'
import type { Leg } from './leg.js'
import type { Effects } from './perform.js'

/** A leg that was left by plan is read on for so long: for transcripts that are late, and for limits. */
const LINGER_MS = 5000

export class NextLeg {
  /** Until the upstream is reached: an idle session keeps no signal. */
  #dialling: AbortController | undefined
  #leg: Leg | undefined
  #leave: (() => void) | undefined
  #freeSlot: (() => void) | undefined
  #former: Leg | undefined

  /** A dial that fails is an input of core. `legOf`: listens to what was reached. */
  dial(session: Effects, action: Extract<Action, { type: 'dial' }>, legOf: (connection: UpstreamConnection) => Leg): void {
    this.close()
    const { leg, reason, urgent } = action
    const { restores, moves, provider } = session.deps
    if (reason === 'lost' && !session.opened.call) provider.lost?.(session.deployment)
    if (reason === 'first') return this.#start(session, action, legOf)
    if (reason === 'rollover') {
      if (moves.take()) this.#freeSlot = () => moves.free()
      else if (!urgent) {
        session.apply({ type: 'upstream.failed', leg, code: 'rate_limited', why: 'others_move' })
        return
      }
      return this.#start(session, action, legOf)
    }
    let hasWaited = false
    this.#leave = restores.enter(urgent, () => {
      this.#leave = undefined
      if (hasWaited) session.apply({ type: 'dial.begins', leg })
      this.#start(session, action, legOf)
    })
    hasWaited = this.#leave !== undefined
    if (hasWaited) session.apply({ type: 'dial.waits', leg })
  }

  #start(session: Effects, { leg: number, reason }: Extract<Action, { type: 'dial' }>, legOf: (connection: UpstreamConnection) => Leg): void {
    const dialling = new AbortController()
    this.#dialling = dialling
    const { sessionId: correlationId, trace: ofClient, profile, call, recorder } = session.opened
    const { restores, provider } = session.deps
    const isRestore = reason === 'lost' || reason === 'again'
    recorder.note({ type: 'dial_started', leg: number, reason })
    const connected = (connection: UpstreamConnection) => {
      const isWanted = !dialling.signal.aborted
      recorder.note({ type: 'dial_finished', leg: number, outcome: isWanted ? 'ok' : 'given_up', service: connection.service })
      // Given up meanwhile.
      if (!isWanted) return connection.link.close(1000, '')
      this.#dialling = undefined
      const leg = legOf(connection)
      leg.upstream = connection.service?.name ?? ''
      this.#leg = leg
      session.apply({ type: 'upstream.opened', leg: number, privateWords: (connection.privateWords ?? []).concat(connection.deployment) })
      leg.reader.resume('held')
    }
    const failed = (error: unknown) => {
      const { code, why, retryAfterSeconds } = error instanceof RefusalError ? error : new RefusalError('internal', 'dial_failed')
      recorder.note({ type: 'dial_finished', leg: number, outcome: dialling.signal.aborted ? 'given_up' : code, service: undefined })
      if (isRestore && retryAfterSeconds !== undefined) restores.pause(retryAfterSeconds * 1000)
      session.apply({ type: 'upstream.failed', leg: number, code, why, retryAfterSeconds })
    }
    const trace = recorder.traceparent?.({ type: 'dial', leg: number }) ?? ofClient
    const request = { correlationId, trace, zones: profile.zones, avoid: isRestore ? session.deployment || undefined : undefined, signal: dialling.signal }
    // A call is where it is: there is no choice of an upstream, and no connection opened ahead.
    const dialled = call ? call.attach({ correlationId, trace, signal: dialling.signal }) : provider.dial({ ...request, leavesReady: !isRestore && restores.waiting > 0 })
    dialled.then(connected, failed)
  }

  get leg(): Leg | undefined {
    return this.#leg
  }

  take(): Leg | undefined {
    const leg = this.#leg
    this.#leg = undefined
    this.#release()
    return leg
  }

  /** Core speaks to this leg no more. If it `lingers`, what still comes of it is read for a while. */
  leave(leg: Leg | undefined, lingers: boolean): void {
    if (!lingers) return leg?.link.close(1000, '')
    this.#former?.link.close(1000, '')
    this.#former = leg
    setTimeout(() => this.#closeFormer(leg), LINGER_MS).unref()
  }

  close(): void {
    this.#dialling?.abort()
    this.#leave?.()
    this.#leave = undefined
    this.take()?.link.close(1000, '')
  }

  /** The session is over. `present`: the leg that it spoke to. */
  end(present: Leg | undefined): void {
    this.close()
    this.#closeFormer(this.#former)
    present?.link.close(1000, '')
  }

  #closeFormer(leg: Leg | undefined): void {
    leg?.link.close(1000, '')
    if (leg === this.#former) this.#former = undefined
  }

  #release(): void {
    this.#freeSlot?.()
    this.#freeSlot = undefined
  }
}
