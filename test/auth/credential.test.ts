// Which credential of a request counts, case by case.
import { describe, expect, it } from 'vitest'
import { extractCredential } from '../../src/auth/credential.js'
import { RefusalError } from '../../src/core/protocol/errors.js'

type Headers = Record<string, string | string[] | undefined>
const find = (headers: Headers, query = '', allowQuery = true): string | undefined => extractCredential({ headers, query: new URLSearchParams(query) }, allowQuery)
const PROTOCOL = 'openai-insecure-api-key.'

describe('extractCredential', () => {
  it.each<[string, Headers, string, string | undefined]>([
    ['authorization', { authorization: 'Bearer a.b.c' }, '', 'a.b.c'],
    ['authorization in another case', { authorization: 'bEARER   a.b.c  ' }, '', 'a.b.c'],
    ['api-key', { 'api-key': 'a.b.c' }, '', 'a.b.c'],
    ['subprotocol', { 'sec-websocket-protocol': `realtime, ${PROTOCOL}a.b.c, openai-beta.realtime-v1` }, '', 'a.b.c'],
    ['subprotocol first and without a space', { 'sec-websocket-protocol': `${PROTOCOL}a.b.c,realtime` }, '', 'a.b.c'],
    ['subprotocol in a header sent twice', { 'sec-websocket-protocol': ['realtime', `${PROTOCOL}a.b.c`] }, '', 'a.b.c'],
    ['query api-key', {}, 'api-key=a.b.c', 'a.b.c'],
    ['query Authorization with a plus', {}, 'Authorization=Bearer+a.b.c', 'a.b.c'],
    ['query Authorization with %20', {}, 'Authorization=Bearer%20a.b.c', 'a.b.c'],
    ['query access_token', {}, 'access_token=a.b.c', 'a.b.c'],
    ['Bearer in query api-key', {}, 'api-key=Bearer%20a.b.c', 'a.b.c'],
    ['a token in the query that begins like a scheme', {}, 'api-key=bearerish.b.c', 'bearerish.b.c'],
    ['a scheme that only begins like ours', { authorization: 'Bearerish a.b.c', 'api-key': 'x.y.z' }, '', 'x.y.z'],
    ['ephemeral prefix', { authorization: 'Bearer ek_a.b.c' }, '', 'a.b.c'],
    ['ephemeral prefix in a subprotocol', { 'sec-websocket-protocol': `realtime, ${PROTOCOL}ek_a.b.c` }, '', 'a.b.c'],
    ['the same everywhere', { authorization: 'Bearer a.b.c', 'api-key': 'ek_a.b.c', 'sec-websocket-protocol': `${PROTOCOL}a.b.c` }, 'api-key=a.b.c', 'a.b.c'],
    ['the same header twice', { 'api-key': 'a.b.c, a.b.c' }, '', 'a.b.c'],
    ['absent words before a present one', { authorization: 'Bearer null', 'api-key': '', 'sec-websocket-protocol': `${PROTOCOL}undefined` }, 'api-key=a.b.c', 'a.b.c'],
    ['<Missing Key>', { authorization: 'Bearer <Missing Key>' }, '', undefined],
    ['Bearer alone', { authorization: 'Bearer' }, '', undefined],
    ['ek_ alone', { authorization: 'Bearer ek_' }, '', undefined],
    ['ek_null', { 'api-key': 'ek_null' }, '', undefined],
    ['Basic is no credential of ours', { authorization: 'Basic YTpi' }, '', undefined],
    ['another scheme whose credential looks like ours', { authorization: 'Basic bearer a.b.c' }, '', undefined],
    ['Basic beside an api-key', { authorization: 'Basic YTpi', 'api-key': 'a.b.c' }, '', 'a.b.c'],
    ['a cookie', { cookie: 'token=a.b.c' }, '', undefined],
    ['api_key, requestId', {}, 'api_key=a.b.c&requestId=a.b.c', undefined],
    ['another case of the subprotocol', { 'sec-websocket-protocol': 'OpenAI-Insecure-Api-Key.a.b.c' }, '', undefined],
    ['nothing', {}, '', undefined],
  ])('%s', (_name, headers, query, expected) => {
    expect(find(headers, query)).toBe(expected)
  })

  it('ignores the query unless it is allowed, even if it differs', () => {
    expect(find({}, 'api-key=a.b.c', false)).toBeUndefined()
    expect(find({ 'api-key': 'x.y.z' }, 'api-key=a.b.c', false)).toBe('x.y.z')
  })

  it.each<[string, Headers, string]>([
    ['two headers', { authorization: 'Bearer a.b.c', 'api-key': 'x.y.z' }, ''],
    ['header and subprotocol', { authorization: 'Bearer a.b.c', 'sec-websocket-protocol': `${PROTOCOL}x.y.z` }, ''],
    ['two subprotocols', { 'sec-websocket-protocol': `${PROTOCOL}a.b.c, ${PROTOCOL}x.y.z` }, ''],
    ['header and query', { authorization: 'Bearer a.b.c' }, 'api-key=x.y.z'],
    ['one header twice', { 'api-key': 'a.b.c, x.y.z' }, ''],
    ['a query parameter twice', {}, 'api-key=a.b.c&api-key=x.y.z'],
    ['a malformed one first', { authorization: 'Bearer nonsense', 'api-key': 'x.y.z' }, ''],
  ])('refuses differing credentials: %s', (_name, headers, query) => {
    try {
      find(headers, query)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(RefusalError)
      expect((error as RefusalError).code).toBe('ambiguous_credentials')
      expect(String((error as RefusalError).stack)).not.toMatch(/x\.y\.z/)
    }
  })
})
