// A desk of telephone calls over a store, with a fake carrier: its framing is one letter and a text, and its line writes down what it is asked.
import type { TelephonyConfig } from '../../src/config/telephony-config.js'
import type { SessionProfile } from '../../src/core/policy/profile.js'
import type { QuotaLeft } from '../../src/core/policy/quota.js'
import { createPhoneDesk, type PhoneDeskDeps, type RunningPhoneDesk } from '../../src/ingress/phone/desk.js'
import type { Identity } from '../../src/ports/caller.js'
import type { Line, MediaFraming, Ring } from '../../src/ports/phone.js'
import type { NewSession } from '../../src/ports/session.js'
import type { Store } from '../../src/ports/store.js'
import { profile } from './playbook.js'

/** Frames: `a<ms or nothing>:<base64>`, `k:<key>`, `m:<mark>`, `stop`, `?`. */
export function fakeFraming(format: 'pcm' | 'pcmu' = 'pcm', marks = false): MediaFraming {
  return {
    format,
    read(frame, isBinary) {
      const [, letter, at, rest = ''] = /^([akm])(\d*):(.*)$/s.exec(frame.toString()) ?? []
      if (isBinary) return { type: 'bad' }
      if (letter === 'a') return { type: 'audio', audio: rest, ...(at !== '' && { atMs: Number(at) }) }
      if (letter === 'k') return { type: 'key', key: rest }
      if (letter === 'm') return { type: 'mark', name: rest }
      return frame.toString() === 'stop' ? { type: 'stop' } : frame.toString() === '?' ? { type: 'ignored' } : { type: 'bad' }
    },
    media: (audio) => `a:${audio}`,
    clear: () => 'clear',
    ...(marks && { mark: (name: string) => `m:${name}` }),
  }
}

export interface FakeLine extends Line {
  readonly asked: string[]
  /** Settles the oldest transfer that waits. */
  transferred(isOk: boolean): void
}

export function fakeLine(): FakeLine {
  const asked: string[] = []
  const waiting: ((isOk: boolean) => void)[] = []
  return {
    asked,
    hangUp: async () => void asked.push('hang up'),
    transfer(target) {
      asked.push(`transfer ${target}`)
      return new Promise((resolve, reject) => waiting.push((isOk) => (isOk ? resolve() : reject(new Error('not transferred')))))
    },
    transferred: (isOk) => waiting.shift()?.(isOk),
  }
}

export const ring = (rest: Partial<Ring> = {}): Ring => ({ carrier: 'acs', carrierCallId: 'call-1', from: '+4915112345678', to: '+493012345678', headers: {}, ...rest })

export const TELEPHONY: PhoneDeskDeps['config'] = {
  profiles: { '*': 'default' },
  callers: { allow: undefined, deny: [] },
  withheld: 'allow',
  limits: { perCaller: 2, withheld: 5, perNumber: 50, total: 100, perCallerPerHour: 20 },
  claims: {},
}

type Opened = Omit<NewSession, 'recorder'>

export interface DeskLab {
  readonly desk: RunningPhoneDesk
  readonly opened: Opened[]
  readonly counted: string[]
  readonly logged: string[]
  /** What the audit got: kind and fields. */
  readonly audited: [string, Readonly<Record<string, string | number>>][]
  /** Identities that profiles were chosen for. */
  readonly chosenFor: Identity[]
  state: {
    draining: boolean
    overloaded: boolean
    unaudited: boolean
    sessions: number
    quota: readonly QuotaLeft[] | undefined
    refusesSessions: boolean
    endsAtStart: boolean
    now: number
  }
}

export interface DeskOptions extends Partial<Pick<PhoneDeskDeps, 'maxSessions' | 'waitMs' | 'graceMs' | 'lookMs' | 'profileFor'>> {
  readonly config?: Partial<TelephonyConfig>
  readonly profile?: Partial<SessionProfile>
}

export const KEY = Buffer.alloc(32, 7)

export function openDesk(store: Store, { config, profile: rest, ...options }: DeskOptions = {}): DeskLab {
  const lab: Omit<DeskLab, 'desk'> = {
    opened: [],
    counted: [],
    logged: [],
    audited: [],
    chosenFor: [],
    state: { draining: false, overloaded: false, unaudited: false, sessions: 0, quota: [], refusesSessions: false, endsAtStart: false, now: 0 },
  }
  const { state, opened, counted, logged, chosenFor } = lab
  const write = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const now = () => (state.now === 0 ? Date.now() : state.now)
  const desk = createPhoneDesk({
    config: { ...TELEPHONY, ...config },
    maxSessions: 1000,
    profileClaim: 'profile',
    callerKey: KEY,
    store,
    profileFor(identity) {
      chosenFor.push(identity)
      return profile({ name: String(identity.claims.profile), ...rest })
    },
    toolsFor: () => ({ tools: [], run: () => Promise.reject(new Error('no tools')) }),
    longestMs: () => 60_000,
    transferTo: (name) => (name === 'sales' ? { desk: '+4930555' } : {}),
    quotaLeft: async () => state.quota,
    openSession(session) {
      if (state.refusesSessions || state.endsAtStart) session.onEnd()
      if (state.refusesSessions) throw new Error('no session')
      opened.push(session)
    },
    draining: () => state.draining,
    overloaded: () => state.overloaded,
    unaudited: () => state.unaudited,
    sessionCount: () => state.sessions,
    now,
    steady: now,
    counted: {
      call: (carrier) => void counted.push(`call ${carrier}`),
      refused: (code) => void counted.push(`refused ${code}`),
      filled: (why) => void counted.push(`filled ${why}`),
      lost: (end) => void counted.push(`lost ${end}`),
    },
    audit: { record: (kind, fields) => void lab.audited.push([kind, fields]) },
    log: { info: write, warn: write },
    ...options,
  })
  return { ...lab, desk }
}
