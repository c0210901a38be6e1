// The catalogue of refusals as clients know it. A changed status, close code, type or advice would break clients that act on it.
import { describe, expect, it } from 'vitest'
import { cutToBytes, mayTryAgain, type RefusalCode, RefusalError, refusalCodes, refusalEntry, toErrorBody, toErrorEvent, toWireClose } from '../../../src/core/protocol/errors.js'

const CATALOGUE: readonly (readonly [RefusalCode, number, number, string, string])[] = [
  ['bad_request', 400, 4400, 'invalid_request_error', 'fix_client'],
  ['subprotocol_required', 400, 4400, 'invalid_request_error', 'fix_client'],
  ['unauthenticated', 401, 4401, 'authentication_error', 'new_token'],
  ['ambiguous_credentials', 401, 4401, 'authentication_error', 'fix_client'],
  ['forbidden', 403, 4403, 'permission_error', 'stop'],
  ['foreign_control', 403, 4403, 'permission_error', 'stop'],
  ['content_blocked', 403, 4403, 'permission_error', 'stop'],
  ['not_found', 404, 4404, 'invalid_request_error', 'fix_client'],
  ['upgrade_required', 426, 4426, 'invalid_request_error', 'fix_client'],
  ['event_not_allowed', 403, 4400, 'invalid_request_error', 'fix_client'],
  ['bad_event', 400, 4400, 'invalid_request_error', 'fix_client'],
  ['rate_limited', 429, 4429, 'rate_limit_error', 'back_off'],
  ['too_many_sessions', 429, 4429, 'rate_limit_error', 'back_off'],
  ['idle', 408, 4408, 'invalid_request_error', 'on_user_action'],
  ['session_over', 410, 4410, 'invalid_request_error', 'new_session'],
  ['resume_unknown', 410, 4410, 'invalid_request_error', 'new_session'],
  ['superseded', 409, 4409, 'invalid_request_error', 'stop'],
  ['budget_spent', 402, 4402, 'rate_limit_error', 'stop'],
  ['slow_client', 413, 4413, 'invalid_request_error', 'reconnect'],
  ['message_too_big', 413, 1009, 'invalid_request_error', 'fix_client'],
  ['upstream_refused', 502, 4502, 'server_error', 'back_off'],
  ['upstream_lost', 502, 4502, 'server_error', 'back_off'],
  ['upstream_timeout', 504, 4504, 'server_error', 'back_off'],
  ['overloaded', 503, 1013, 'server_error', 'back_off'],
  ['audit_unavailable', 503, 1013, 'server_error', 'back_off'],
  ['draining', 503, 1012, 'server_error', 'reconnect'],
  ['internal', 500, 4500, 'server_error', 'back_off'],
]

/** What another try of the same would not change. */
const IN_VAIN = [
  ...['bad_request', 'subprotocol_required', 'not_found', 'upgrade_required', 'event_not_allowed', 'bad_event', 'message_too_big'],
  ...['unauthenticated', 'ambiguous_credentials', 'forbidden', 'foreign_control', 'content_blocked', 'superseded', 'budget_spent'],
]

describe('catalogue', () => {
  it.each(refusalCodes())('%s says whether another try is of use', (code) => {
    expect(mayTryAgain(code)).toBe(!IN_VAIN.includes(code))
  })

  it.each(CATALOGUE)('%s: HTTP %i, close %i, %s, %s', (code, httpStatus, closeCode, errorType, advice) => {
    expect(refusalEntry(code)).toMatchObject({ httpStatus, closeCode, errorType, advice })
    expect(toErrorBody(code).error).toEqual({ type: errorType, code, message: refusalEntry(code).message })
    expect(toWireClose(code)).toEqual({ code: closeCode, reason: `${code}: ${advice}` })
  })

  it('has no entry that is not in this sheet', () => {
    expect(refusalCodes().toSorted()).toEqual(CATALOGUE.map(([code]) => code).toSorted())
  })
})

describe('a refusal', () => {
  it('says when to come back, in whole seconds, rounded up', () => {
    expect(toErrorBody('rate_limited', 1.2).error.message).toBe('Too much at once. Try again later. Retry after 2 s.')
    expect(toWireClose('rate_limited', 1.2).reason).toBe('rate_limited: back_off; retry after 2 s')
    expect(toErrorEvent('rate_limited', { eventId: 'e', retryAfterSeconds: 3 }).error).toMatchObject({ message: 'Too much at once. Try again later. Retry after 3 s.' })
  })

  it('is an ordinary error event with null for unknown fields', () => {
    expect(toErrorEvent('bad_event', { eventId: 'event_1' })).toEqual({
      type: 'error',
      event_id: 'event_1',
      error: { type: 'invalid_request_error', code: 'bad_event', message: 'The event is malformed.', param: null, event_id: null },
    })
    expect(toErrorEvent('bad_event', { eventId: 'event_2', causeEventId: 'mine', param: 'session.voice', message: 'Own words.' }).error).toEqual({
      type: 'invalid_request_error',
      code: 'bad_event',
      message: 'Own words.',
      param: 'session.voice',
      event_id: 'mine',
    })
  })

  it('is an error with its code, and a reason for the log only', () => {
    const error = new RefusalError('idle', 'no_traffic', 5)
    expect(error).toMatchObject({ name: 'RefusalError', code: 'idle', why: 'no_traffic', retryAfterSeconds: 5, message: 'idle: no_traffic' })
    expect(JSON.stringify([toErrorBody('idle'), toWireClose('idle')])).not.toContain('no_traffic')
  })
})

describe('cutToBytes', () => {
  it.each([
    ['fits exactly', 'abc', 3, 'abc'],
    ['one byte too many', 'abcd', 3, 'abc'],
    ['a character that fits exactly', 'a€', 4, 'a€'],
    ['a character across the edge', 'a€b', 3, 'a'],
    ['an emoji across the edge', 'ab😀', 5, 'ab'],
    ['a character that ends at the edge', '€€', 3, '€'],
    ['no room at all', '€', 2, ''],
    ['nothing', '', 0, ''],
  ])('%s', (_name, text, maxBytes, cut) => {
    expect(cutToBytes(text, maxBytes)).toBe(cut)
  })

  it('holds a close reason within the 123 bytes of a close frame', () => {
    for (const code of refusalCodes()) expect(Buffer.byteLength(toWireClose(code, Number.MAX_SAFE_INTEGER).reason)).toBeLessThanOrEqual(123)
  })
})
