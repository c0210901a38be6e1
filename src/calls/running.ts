// The calls of this process, by WebRTC and by SIP: each is begun with its sideband, and ends in a hang-up, with another relay, or as somebody else's.
import { setTimeout as pause } from 'node:timers/promises'
import type { SessionProfile } from '../core/policy/profile.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { CallRecord, CallRecords } from '../ports/call-records.js'
import type { CallMode, CallProvider, PlacedCall, SessionCall } from '../ports/calls.js'
import type { NewSession } from '../ports/session.js'
import type { UpstreamConnection } from '../ports/upstream.js'

/** A session of a call, as the relay opens it. It has no client of its own. */
export type CallSession = Omit<NewSession, 'client' | 'dialect' | 'continues' | 'recorder'> & {
  readonly call: SessionCall
  /** The profile as it was chosen, before the caller's settings were put into it. */
  readonly chosen: SessionProfile
}

export const HANG_UP_OUTCOMES = ['done', 'failed', 'handed_over'] as const
export type HangUpOutcome = (typeof HANG_UP_OUTCOMES)[number]

export interface RunningDeps {
  readonly provider: CallProvider
  readonly records: CallRecords
  /** Throws a `RefusalError` if the caller may not come in any more. */
  readonly openCall: (session: CallSession) => void
  /** Ends a session of this process, whose call is then hung up. */
  readonly endSession: (sessionId: string) => void
  readonly onPlaced: (mode: CallMode) => void
  readonly onHungUp: (outcome: HangUpOutcome) => void
  readonly log: { warn(fields: object, message: string): void }
  /** Longest wait for the sideband to hold the call; 5 s by default. */
  readonly liveMs?: number
}

export interface Beginning {
  readonly record: CallRecord
  readonly mode: CallMode
  readonly session: Omit<CallSession, 'call'> & { readonly onOpen?: () => void }
  readonly signal: AbortSignal
  /** Another instance had it before. */
  readonly adopted?: boolean
  /** So long from now the upstream may not know of the call yet, although it has it. Absent: what it does not know is over. */
  readonly patienceMs?: number
}

interface Running {
  readonly record: CallRecord
  readonly sessionId: string
  /** Resolves when nothing is left to be done for it, to whether it is over or somebody else's. */
  readonly finished: Promise<boolean>
  readonly finish: (isDone: boolean) => void
  /** Another instance has it, or asked for it. */
  fate: 'here' | 'lost' | 'asked'
}

export interface RunningCalls {
  readonly size: number
  /** Resolves when the server's session was seen in force. Rejects with a `RefusalError`; if the session was opened, the call is then being hung up. */
  begin(call: Beginning): Promise<void>
  get(id: string): { readonly record: CallRecord } | undefined
  /** Ends the session. Resolves to whether its call could be hung up. */
  end(id: string): Promise<boolean>
  /** The session ends here, and the call goes on. `lost`: another instance has it. `asked`: it waits for the call, unless nothing is sealed for it. */
  leave(id: string, why: 'lost' | 'asked'): void
  /** Hangs up a call that has no session, if it has none. */
  giveUp(record: CallRecord): void
  /** Resolves when no hang-up is under way. */
  settled(): Promise<void>
}

const LIVE_MS = 5_000
const RETRY_SECONDS = 1
const KNOWN_PAUSE_MS = 150

export function createRunningCalls({ provider, records, openCall, endSession, onPlaced, onHungUp, log, liveMs = LIVE_MS }: RunningDeps): RunningCalls {
  const running = new Map<string, Running>()
  /** Calls whose end is somebody's business already. */
  const ending = new Map<string, Promise<boolean>>()

  /** If it fails, the call has no owner, and whoever looks next tries again. An instance that stood still may end a session whose call is another's by now. */
  async function hangUp(record: CallRecord): Promise<boolean> {
    const { id, placed } = record
    if (!(await records.holds(id).catch(() => true))) return true
    try {
      await provider.hangUp(placed)
    } catch (error) {
      onHungUp('failed')
      log.warn({ call: id, why: error instanceof RefusalError ? error.why : 'failed' }, 'a call could not be hung up')
      await forget(record)
      return false
    }
    onHungUp('done')
    await records.remove(id).catch(() => undefined)
    return true
  }

  /** Without what another needs to go on with it: whoever looks next hangs it up. */
  async function forget(record: CallRecord): Promise<void> {
    if (records.shared) await records.add({ ...record, sealed: '' }).catch(() => undefined)
    await records.release(record.id).catch(() => undefined)
  }

  async function handOver(record: CallRecord): Promise<boolean> {
    try {
      await records.release(record.id)
    } catch {
      return hangUp(record)
    }
    onHungUp('handed_over')
    return true
  }

  function over(call: Running, handsOver: boolean): void {
    const { record } = call
    running.delete(record.id)
    const goesOn = (handsOver || call.fate === 'asked') && records.shared && record.sealed !== ''
    if (call.fate === 'lost') call.finish(true)
    else void conclude(record, goesOn ? handOver(record) : hangUp(record)).then(call.finish)
  }

  /** `work` never rejects. */
  function conclude({ id }: CallRecord, work: Promise<boolean>): Promise<boolean> {
    const done = work.finally(() => ending.delete(id))
    ending.set(id, done)
    return done
  }

  async function attach(placed: PlacedCall, request: Parameters<SessionCall['attach']>[0], knownBy: number): Promise<UpstreamConnection> {
    for (;;) {
      try {
        return await provider.attach(placed, request)
      } catch (error) {
        const isUnknown = error instanceof RefusalError && error.code === 'not_found'
        if (!isUnknown || request.signal.aborted || performance.now() >= knownBy) throw error
        await pause(KNOWN_PAUSE_MS)
      }
    }
  }

  function begin({ record, mode, session: { onOpen, ...session }, signal, adopted, patienceMs = 0 }: Beginning): Promise<void> {
    const { id, placed } = record
    const knownBy = performance.now() + patienceMs
    return new Promise((resolve, reject) => {
      const stopWaiting = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', leave)
      }
      const giveUp = (refusal: RefusalError) => {
        stopWaiting()
        reject(refusal)
        endSession(session.sessionId)
      }
      const leave = () => giveUp(new RefusalError('internal', 'caller_left'))
      const timer = setTimeout(() => giveUp(new RefusalError('upstream_refused', 'no_sideband', RETRY_SECONDS)), liveMs)
      const call: SessionCall = {
        id,
        mode,
        ...(adopted && { adopted }),
        attach: (request) => attach(placed, request, knownBy),
        onLive() {
          stopWaiting()
          resolve()
        },
        onOver({ code, handsOver }) {
          stopWaiting()
          reject(new RefusalError(code === 'client_left' ? 'upstream_lost' : code, 'call_ended_at_start', RETRY_SECONDS))
          over(entry, handsOver)
        },
      }
      let finish: Running['finish'] = () => undefined
      const finished = new Promise<boolean>((done) => {
        finish = done
      })
      const entry: Running = { record, sessionId: session.sessionId, finished, finish, fate: 'here' }
      running.set(id, entry)
      signal.addEventListener('abort', leave, { once: true })
      try {
        openCall({ ...session, call })
        onPlaced(mode)
        onOpen?.()
      } catch (error) {
        stopWaiting()
        running.delete(id)
        reject(error)
      }
    })
  }

  return {
    get size() {
      return running.size
    },
    begin,
    get: (id) => running.get(id),
    async end(id) {
      const call = running.get(id)
      if (!call) return (await ending.get(id)) ?? true
      endSession(call.sessionId)
      return call.finished
    },
    leave(id, why) {
      const call = running.get(id)
      if (!call || (why === 'asked' && call.record.sealed === '')) return
      call.fate = why
      endSession(call.sessionId)
    },
    giveUp(record) {
      if (!running.has(record.id) && !ending.has(record.id)) void conclude(record, hangUp(record))
    },
    async settled() {
      while (ending.size > 0) await Promise.all([...ending.values()])
    },
  }
}
