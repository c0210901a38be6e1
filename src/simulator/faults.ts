// The faults that can be switched on, and their JSON form.
import { isObject } from '../core/protocol/events.js'
import { arrayOf, check, flag, integer, object, oneOf, text } from './validate.js'

export type Garbage = 'bad_json' | 'binary' | 'unknown_type' | 'not_an_object' | 'no_type'

/** How and when a session ends abnormally. */
export interface EndFault {
  /** `rst` and `fin` end the connection without a close frame. `silence` keeps it, but nothing is read or sent any more. */
  readonly how: 'close' | 'fin' | 'rst' | 'silence'
  /** Default 1011; only with `close`. */
  readonly code?: number
  readonly reason?: string
  /** `now` ends all open sessions; `response` ends a session after `afterDeltas` deltas; `event` ends it after the `nth` event of `type`. */
  readonly at: 'now' | 'open' | 'update' | 'response' | 'event'
  /** Default 1. */
  readonly afterDeltas?: number
  /** A server event's type, as the client sees it. Only with `event`. */
  readonly type?: string
  /** Counted per session; default 1. Only with `event`. */
  readonly nth?: number
  /** How many sessions it ends; absent: all. */
  readonly times?: number
  /** Of a WebRTC call only its sidebands end, and other sessions not at all. */
  readonly sidebandsOnly?: boolean
}

/** What is asked of the service: a session's dial, or a step of a call by WebRTC or SIP. */
export type Asked = 'dial' | 'client_secrets' | 'calls' | 'sideband' | 'hangup' | 'accept' | 'reject' | 'refer'

export interface Faults {
  /** Answers dials with this status and a body that quotes the key. `at`: only these; absent: all. `times`: how often; absent: always. */
  readonly refuse?: { readonly status: number; readonly at?: Asked; readonly retryAfterSeconds?: number; readonly location?: string; readonly times?: number }
  /** Accepts the connection and never answers, neither dials nor what WebRTC asks. */
  readonly hang?: boolean
  /** Upgrades and then sends nothing, not even `session.created`. */
  readonly silent?: boolean
  readonly end?: EndFault
  /** Sent after `session.created` and inside every response. */
  readonly garbage?: readonly Garbage[]
  /** This many additional deltas in every response, without pauses. */
  readonly flood?: number
  /** Milliseconds before every delta. */
  readonly slowMs?: number
  /** Every `session.update` is refused. */
  readonly rejectSessionUpdate?: boolean
  /** Every response fails with this error code. */
  readonly failResponse?: string
  /** Stops reading all sessions until the fault is cleared. */
  readonly freeze?: boolean
}

/** The rule for faults, for requests and for scripts. */
export const FAULTS = object(
  {
    refuse: object(
      {
        status: integer(300, 599),
        at: oneOf('dial', 'client_secrets', 'calls', 'sideband', 'hangup', 'accept', 'reject', 'refer'),
        retryAfterSeconds: integer(0, 86_400),
        location: text(2048),
        times: integer(0, 1_000_000),
      },
      ['status'],
    ),
    hang: flag,
    silent: flag,
    end: object(
      {
        how: oneOf('close', 'fin', 'rst', 'silence'),
        code: integer(1000, 4999),
        reason: text(123),
        at: oneOf('now', 'open', 'update', 'response', 'event'),
        afterDeltas: integer(0, 1_000_000),
        type: text(128),
        nth: integer(1, 1_000_000),
        times: integer(0, 1_000_000),
        sidebandsOnly: flag,
      },
      ['how', 'at'],
    ),
    garbage: arrayOf(oneOf('bad_json', 'binary', 'unknown_type', 'not_an_object', 'no_type'), 5),
    flood: integer(0, 1_000_000),
    slowMs: integer(0, 600_000),
    rejectSessionUpdate: flag,
    failResponse: text(64),
    freeze: flag,
  },
  [],
)

/** Reads faults from the JSON text of an HTTP request, or says what is wrong with it. */
export function parseFaults(json: string): { ok: true; faults: Faults } | { ok: false; message: string } {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return { ok: false, message: 'The body is not valid JSON.' }
  }
  if (!isObject(value)) return { ok: false, message: 'The body must be a JSON object.' }
  const problem = check(value, FAULTS, 'faults')
  return problem ? { ok: false, message: problem.message } : { ok: true, faults: value as Faults }
}
