// Calls over the configured upstreams: places or accepts them at one that takes calls, opens their sideband there, transfers them and hangs them up.
import { setTimeout as pause } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { RefusalError } from '../../core/protocol/errors.js'
import type { CallProvider, PlacedCall, RingingCall } from '../../ports/calls.js'
import { DialError } from '../../wire/dial-accept.js'
import type { UpstreamLog } from '../azure-credential.js'
import { refusalOf } from '../dial-outcomes.js'
import { asKnown, type FailOver, type KnownUpstream } from '../fail-over.js'
import type { CallDoor } from '../provider.js'
import { placeCall, under } from './place.js'
import { post, refusedWith } from './post.js'
import { acceptCall, isCallId, isUnsure, referCall, rejectCall } from './ringing.js'

export interface CallProviderOptions {
  readonly upstreams: Pick<FailOver, 'each' | 'named'>
  /** Names of all upstreams. */
  readonly names: readonly string[]
  /** The way to a host, through the company's proxy if there is one. */
  readonly dispatcherFor: (url: URL) => Dispatcher
  /** For placing a call with one upstream, all steps together, and for accepting or transferring one. */
  readonly timeoutMs: number
  readonly log: UpstreamLog
  /** Milliseconds, from any start. By default the process's. */
  readonly now?: () => number
}

/** Repetitions included. */
const HANG_UP_MS = 10_000
const HANG_UP_ATTEMPT_MS = 3_000
const FIRST_PAUSE_MS = 200

interface Calling extends KnownUpstream {
  readonly calls: CallDoor
}

export function createCallProvider({ upstreams, names, dispatcherFor, timeoutMs, log, now = () => performance.now() }: CallProviderOptions): CallProvider {
  const callable = new Set(names.filter((name) => upstreams.named(name)?.calls))

  function doorOf(name: string): Calling {
    const known = upstreams.named(name)
    if (!known?.calls) throw new RefusalError('upstream_refused', 'unknown_upstream')
    return { ...known, calls: known.calls }
  }

  async function hangUpOnce({ calls }: Calling, callId: string, leftMs: number): Promise<void> {
    const given = AbortSignal.timeout(Math.max(1, Math.min(HANG_UP_ATTEMPT_MS, Math.ceil(leftMs))))
    const headers = await calls.credentials(given, HANG_UP_ATTEMPT_MS)
    const answer = await post(under(calls.url, `calls/${callId}/hangup`), { headers, dispatcher: dispatcherFor(calls.url), signal: given, timeoutMs: HANG_UP_ATTEMPT_MS })
    // Unknown there: the call is over.
    if (answer.status !== 404 && (answer.status < 200 || answer.status >= 300)) throw refusedWith(answer)
  }

  async function hangUp({ callId, upstream }: PlacedCall): Promise<void> {
    const door = doorOf(upstream)
    const until = now() + HANG_UP_MS
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
      try {
        return await hangUpOnce(door, callId, until - now())
      } catch (error) {
        const left = until - now()
        if (left <= pauseMs) throw refusalOf(error)
        await pause(pauseMs)
      }
    }
  }

  /** What failed, for the log. The caller gets the refusal alone. */
  function told(upstream: string, error: unknown, message: string): RefusalError {
    const refusal = refusalOf(error)
    const status = error instanceof DialError ? error.status : undefined
    log.warn({ upstream, code: refusal.code, why: refusal.why, status, retryAfterSeconds: refusal.retryAfterSeconds }, message)
    return refusal
  }

  async function accept(call: RingingCall): Promise<PlacedCall> {
    if (callable.size === 0) throw new RefusalError('upstream_refused', 'no_upstream_takes_calls')
    if (!isCallId(call.callId)) throw new RefusalError('not_found', 'bad_call_id')
    const unsure: PlacedCall[] = []
    let failure: RefusalError | undefined
    try {
      return await upstreams.each({ signal: call.signal, zones: call.zones, trace: call.trace, among: callable }, async (known, signal) => {
        const { name } = known.config
        const placed = { callId: call.callId, upstream: name }
        const { calls } = doorOf(name)
        try {
          await acceptCall(known, calls, call, { dispatcher: dispatcherFor(calls.url), signal, timeoutMs })
          return placed
        } catch (error) {
          if (error instanceof RefusalError && error.code === 'not_found') throw error
          if (isUnsure(error)) unsure.push(placed)
          failure = told(name, error, 'call not accepted')
          throw failure
        }
      })
    } catch (error) {
      // It may run, and nobody watches it.
      for (const placed of unsure) hangUp(placed).catch(() => undefined)
      // An upstream that failed may know the call, even if the last one does not.
      throw failure && error instanceof RefusalError && error.code === 'not_found' ? failure : error
    }
  }

  async function reject(callId: string, sipStatus: number): Promise<void> {
    if (!isCallId(callId)) return
    await Promise.all(
      [...callable].map(async (name) => {
        const { calls } = doorOf(name)
        const asking = { dispatcher: dispatcherFor(calls.url), signal: nobodyLeaves(), timeoutMs: HANG_UP_ATTEMPT_MS }
        await rejectCall(calls, callId, sipStatus, asking).catch((error: unknown) => told(name, error, 'call not rejected'))
      }),
    )
  }

  async function refer({ callId, upstream }: PlacedCall, target: string): Promise<void> {
    const { calls } = doorOf(upstream)
    try {
      await referCall(calls, callId, target, { dispatcher: dispatcherFor(calls.url), signal: nobodyLeaves(), timeoutMs })
    } catch (error) {
      throw error instanceof RefusalError ? error : told(upstream, error, 'call not transferred')
    }
  }

  return {
    accept,
    reject,
    refer,
    async place(offer) {
      if (callable.size === 0) throw new RefusalError('upstream_refused', 'no_upstream_takes_calls')
      return upstreams.each({ signal: offer.signal, zones: offer.zones, trace: offer.trace, among: callable }, async (known, signal) => {
        const door = doorOf(known.config.name)
        let begun: PlacedCall | undefined
        const onCall = (callId: string) => {
          begun = { callId, upstream: known.config.name }
        }
        try {
          const { callId, sdp } = await placeCall(known, door.calls, offer, { dispatcher: dispatcherFor(door.calls.url), signal, timeoutMs, onCall })
          return { call: { callId, upstream: known.config.name }, sdp }
        } catch (error) {
          // Nobody will ever speak on it.
          if (begun) hangUp(begun).catch(() => undefined)
          throw signal.aborted ? refusalOf(error) : told(known.config.name, error, 'call failed')
        }
      })
    },
    async attach({ callId, upstream }, request) {
      const door = doorOf(upstream)
      return asKnown(await door.calls.dial(callId, request), door)
    },
    hangUp,
  }
}

/** For what is asked within a time of its own. A new one each time: a signal that lives long keeps what was joined with it. */
function nobodyLeaves(): AbortSignal {
  return new AbortController().signal
}
