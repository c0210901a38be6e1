// Deliveries of Event Grid and callbacks of calls, as documents and samples show them, and what is none.
import { describe, expect, it } from 'vitest'
import { readCallbacks } from '../../../../src/ingress/phone/acs/callbacks.js'
import { askingOrigin, readDelivery } from '../../../../src/ingress/phone/acs/event-grid.js'
import { fc } from '../../../support/property.js'

const party = (number: string) => ({ kind: 'phoneNumber', rawId: `4:${number}`, phoneNumber: { value: number } })
const DATA = { to: party('+14255550199'), from: party('+14255550100'), serverCallId: 'server-call-1', callerDisplayName: '', incomingCallContext: 'context-1', correlationId: 'c' }
const EVENT = {
  id: 'e-1',
  topic: '/t',
  subject: '/s',
  data: DATA,
  eventType: 'Microsoft.Communication.IncomingCall',
  dataVersion: '1.0',
  metadataVersion: '1',
  eventTime: '2026-01-01T00:00:00.0000000Z',
}
const RING = { carrier: 'acs', carrierCallId: 'server-call-1', from: '+14255550100', to: '+14255550199', headers: {} }
const INCOMING = { type: 'incoming', id: 'e-1', at: Date.parse('2026-01-01T00:00:00Z'), context: 'context-1', ring: RING }
const one = (event: unknown) => readDelivery(JSON.stringify([event]))?.[0]
const withData = (over: object) => one({ ...EVENT, data: { ...DATA, ...over } })

describe('a delivery', () => {
  it('in the schema of Event Grid, in CloudEvents, alone or in a list', () => {
    const { eventType: type, eventTime: time, id, data } = EVENT
    const cloud = { id, source: '/t', specversion: '1.0', type, subject: '/s', time, data }
    expect(readDelivery(JSON.stringify([EVENT]))).toEqual([INCOMING])
    expect(readDelivery(JSON.stringify(cloud))).toEqual([INCOMING])
    expect(readDelivery(JSON.stringify([cloud, EVENT]))).toEqual([INCOMING, INCOMING])
  })

  it('of a handshake has its code and nothing of its address', () => {
    const event = {
      id: '2',
      data: { validationCode: '512d38b6', validationUrl: 'http://169.254.169.254/' },
      eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
      eventTime: '2018-01-25T22:12:19.4556811Z',
    }
    expect(one(event)).toEqual({ type: 'validation', code: '512d38b6' })
    expect(one({ ...event, data: { validationCode: 'x'.repeat(513) } })).toEqual({ type: 'bad', why: 'no_validation_code' })
  })

  it('from a caller over the internet', () => {
    const user = (id: string) => ({ kind: 'communicationUser', rawId: id, communicationUser: { id } })
    const customContext = { sipHeaders: { userToUser: '616d;encoding=hex', 'X-MS-Custom-myheader1': '35567842' }, voipHeaders: { customHeader: 'customValue' } }
    expect(withData({ to: user('8:acs:to'), from: user('8:acs:from'), customContext })).toMatchObject({
      ring: { from: undefined, to: '8:acs:to', headers: { usertouser: '616d;encoding=hex', 'x-ms-custom-myheader1': '35567842', customheader: 'customValue' } },
    })
  })

  it.each([
    ['withheld', { kind: 'unknown', rawId: '4:anonymous' }, undefined],
    ['absent', undefined, undefined],
    ['in its raw id alone', { rawId: '4:+14255550100' }, '+14255550100'],
    ['too long', party('+1234567890123456'), undefined],
    ['no number', party('anonymous'), undefined],
    ['with more behind it', party('+14255550100;x=y'), undefined],
  ])('whose caller is %s', (_name, from, expected) => {
    expect(withData({ from })).toMatchObject({ type: 'incoming', ring: { from: expected } })
  })

  it.each([
    ['no_event_id', { ...EVENT, id: '' }],
    ['no_event_id', { ...EVENT, id: 'x'.repeat(257) }],
    ['no_event_time', { ...EVENT, eventTime: 'yesterday' }],
    ['no_event_time', { ...EVENT, eventTime: undefined }],
    ['no_call_context', { ...EVENT, data: { ...DATA, incomingCallContext: '' } }],
    ['no_call_context', { ...EVENT, data: 'text' }],
    ['no_called_number', { ...EVENT, data: { ...DATA, to: {} } }],
    ['no_called_number', { ...EVENT, data: { ...DATA, to: { rawId: 'a\nb' } } }],
    ['no_event_type', { ...EVENT, eventType: undefined }],
  ])('that is bad: %s', (why, event) => {
    expect(one(event)).toEqual({ type: 'bad', why })
  })

  it('bounds headers, and takes no name for more than a name', () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`x-${at}`, 'v']))
    const read = withData({ customContext: { sipHeaders: { 'bad name': 'v', ok: 'v', OK: 'w', long: 'x'.repeat(1025), line: 'a\r\nb', number: 5, __proto__x: 'v', ...many } } })
    const headers = read?.type === 'incoming' ? read.ring.headers : {}
    expect(Object.keys(headers)).toHaveLength(32)
    expect(headers).toMatchObject({ ok: 'v', __proto__x: 'v' })
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['bad name']))
    const hidden = readDelivery(JSON.stringify([EVENT]).replace('"correlationId":"c"', '"customContext":{"sipHeaders":{"__proto__":"v"}}'))?.[0]
    expect(hidden?.type === 'incoming' && Object.getPrototypeOf(hidden.ring.headers)).toBe(Object.prototype)
  })

  it('that is none', () => {
    for (const body of ['', '{', 'null', '5', '[]', '[5]', '[null]', '"x"', JSON.stringify(Array(101).fill(EVENT))]) expect(readDelivery(body), body.slice(0, 9)).toBeUndefined()
  })

  it('never makes it throw', () => {
    const values = fc.dictionary(fc.constantFrom('id', 'type', 'eventType', 'data', 'time', 'to', 'from'), fc.jsonValue())
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 3 }), (events) => {
        expect(readDelivery(JSON.stringify(events))).toHaveLength(events.length)
      }),
    )
  })
})

describe('the origin of a CloudEvents subscription', () => {
  it('is one host', () => {
    expect(askingOrigin(['eventgrid.azure.net'])).toBe('eventgrid.azure.net')
    for (const values of [undefined, [], ['a', 'b'], ['a b'], ['a\r\nset-cookie: x'], ['x'.repeat(254)], ['']]) expect(askingOrigin(values)).toBeUndefined()
  })
})

describe('callbacks', () => {
  const event = (kind: string, more: object = {}) => ({ id: '1', type: `Microsoft.Communication.${kind}`, specversion: '1.0', data: { callConnectionId: 'cc-1', ...more } })
  const read = (kind: string, more?: object) => readCallbacks(JSON.stringify([event(kind, more)]))?.[0]

  it.each([
    ['CallDisconnected', 'disconnected'],
    ['AnswerFailed', 'answer_failed'],
    ['MediaStreamingFailed', 'media_failed'],
    ['MediaStreamingStarted', 'media_started'],
    ['MediaStreamingStopped', 'media_stopped'],
    ['CallTransferAccepted', 'transferred'],
    ['CallTransferFailed', 'transfer_failed'],
    ['ParticipantsUpdated', 'other'],
    ['constructor', 'other'],
  ])('%s means %s', (kind, type) => {
    expect(read(kind)).toEqual({ type, connectionId: 'cc-1', operation: undefined, code: undefined, subCode: undefined })
  })

  it('have numbers and what they belong to, and none of the words', () => {
    expect(read('MediaStreamingFailed', { operationContext: 'op', resultInformation: { code: 400, subCode: 8581, message: 'about +14255550100' } })).toEqual({
      type: 'media_failed',
      connectionId: 'cc-1',
      operation: 'op',
      code: 400,
      subCode: 8581,
    })
  })

  it('without a call are nothing', () => {
    expect(readCallbacks(JSON.stringify([{ type: 'Microsoft.Communication.CallDisconnected' }, { type: 'Other', data: { callConnectionId: 'x' } }, {}]))).toEqual([])
    for (const body of ['', '[]', '[5]', 'null', JSON.stringify(Array(101).fill(event('CallDisconnected')))]) expect(readCallbacks(body)).toBeUndefined()
  })
})
