// WebRTC calls over the configured upstreams: places them at one that takes calls, opens their sideband there, and hangs them up.
import { setTimeout as pause } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { RefusalError } from '../../core/protocol/errors.js'
import type { CallProvider, PlacedCall } from '../../ports/calls.js'
import { DialError } from '../../wire/dial-accept.js'
import type { UpstreamLog } from '../azure-credential.js'
import { refusalOf } from '../dial-outcomes.js'
import { asKnown, type FailOver, type KnownUpstream } from '../fail-over.js'
import type { CallDoor } from '../provider.js'
import { placeCall, under } from './place.js'
import { post, refusedWith } from './post.js'

export interface CallProviderOptions {
  readonly upstreams: Pick<FailOver, 'each' | 'named'>
  /** Names of all upstreams. */
  readonly names: readonly string[]
  /** The way to a host, through the company's proxy if there is one. */
  readonly dispatcherFor: (url: URL) => Dispatcher
  /** For placing a call with one upstream, all steps together. */
  readonly timeoutMs: number
  readonly log: UpstreamLog
  /** For a hang-up, repetitions included; 10 s by default. */
  readonly hangUpMs?: number
}

const HANG_UP_MS = 10_000
const HANG_UP_ATTEMPT_MS = 3_000
const FIRST_PAUSE_MS = 200

interface Calling extends KnownUpstream {
  readonly calls: CallDoor
}

export function createCallProvider({ upstreams, names, dispatcherFor, timeoutMs, log, hangUpMs = HANG_UP_MS }: CallProviderOptions): CallProvider {
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
    const until = performance.now() + hangUpMs
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
      try {
        return await hangUpOnce(door, callId, until - performance.now())
      } catch (error) {
        const left = until - performance.now()
        if (left <= pauseMs) throw refusalOf(error)
        await pause(pauseMs)
      }
    }
  }

  return {
    async place(offer) {
      if (callable.size === 0) throw new RefusalError('upstream_refused', 'no_upstream_takes_calls')
      return upstreams.each({ signal: offer.signal, zones: offer.zones, among: callable }, async (known, signal) => {
        const door = doorOf(known.config.name)
        let begun: PlacedCall | undefined
        const onCall = (callId: string) => {
          begun = { callId, upstream: known.config.name }
        }
        try {
          const { callId, sdp } = await placeCall(known, door.calls, offer, { dispatcher: dispatcherFor(door.calls.url), signal, timeoutMs, onCall })
          return { call: { callId, upstream: known.config.name }, sdp }
        } catch (error) {
          const refusal = refusalOf(error)
          const status = error instanceof DialError ? error.status : undefined
          if (!signal.aborted) log.warn({ upstream: known.config.name, code: refusal.code, why: refusal.why, status, retryAfterSeconds: refusal.retryAfterSeconds }, 'call failed')
          // Nobody will ever speak on it.
          if (begun) hangUp(begun).catch(() => undefined)
          throw refusal
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
