// What the service answers to what is asked about a call by SIP: accept, reject, refer.
import type { IncomingHttpHeaders } from 'node:http'
import { isObject, type Json, objectAt } from '../../core/protocol/events.js'
import type { SimulatorOptions } from '../options.js'
import { check, integer, object, type Problem, problem, text } from '../validate.js'
import { readCallSession } from '../webrtc/call-session.js'
import type { SipCalls } from './calls.js'

export const SIP_ASKED = ['accept', 'reject', 'refer'] as const
export type SipAsked = (typeof SIP_ASKED)[number]

export interface SipQuestion {
  readonly asked: SipAsked
  readonly callId: string
  /** Undefined: no JSON. */
  readonly body: Json | undefined
  readonly target: string
  readonly headers: IncomingHttpHeaders
}

const NOT_BY_SIP = ['threshold', 'prefix_padding_ms', 'silence_duration_ms']
const REJECT = object({ status_code: integer(300, 699) })
const REFER = object({ target_uri: text(1024) }, ['target_uri'])
const DECLINE = 603

/** True: done. `gone`: no such call. */
export function answerSip({ asked, callId, body, target, headers }: SipQuestion, calls: SipCalls, options: SimulatorOptions): Problem | 'done' | 'gone' {
  const given = body ?? (asked === 'reject' ? {} : undefined)
  if (!isObject(given)) return problem('invalid_json', null, 'The body must be a JSON object.')
  if (asked === 'accept') {
    const session = readCallSession(given, options)
    if ('code' in session) return session
    const bad = sipProblem(given, options)
    return bad ?? outcome(calls.accept(callId, session, target, headers))
  }
  const bad = check(given, asked === 'reject' ? REJECT : REFER, '')
  if (bad) return bad
  if (asked === 'reject') return outcome(calls.reject(callId, typeof given.status_code === 'number' ? given.status_code : DECLINE))
  const uri = String(given.target_uri)
  return /^(tel|sips?):/.test(uri) ? outcome(calls.refer(callId, uri)) : problem('invalid_value', 'target_uri', "Invalid 'target_uri'.")
}

/** Azure wants instructions; no service lets a caller by SIP have voice detection of the developer's own measure. */
function sipProblem(session: { [key: string]: Json }, { style }: SimulatorOptions): Problem | undefined {
  if (style !== 'openai' && typeof session.instructions !== 'string') return problem('missing_required_parameter', 'instructions', "Missing required parameter: 'instructions'.")
  const detection = objectAt(objectAt(objectAt(session, 'audio'), 'input'), 'turn_detection')
  const unknown = NOT_BY_SIP.find((key) => detection && Object.hasOwn(detection, key))
  if (unknown === undefined) return undefined
  const path = `audio.input.turn_detection.${unknown}`
  return problem('unknown_parameter', path, `Unknown parameter: '${path}'.`)
}

function outcome(isDone: boolean): 'done' | 'gone' {
  return isDone ? 'done' : 'gone'
}
