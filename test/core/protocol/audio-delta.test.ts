// Whose audio a delta carries is read from its head, and its bytes are counted without decoding it.
import { describe, expect, it } from 'vitest'
import { audioDeltaIn, audioDeltaOf } from '../../../src/core/protocol/audio-delta.js'
import { fc } from '../../support/property.js'

const event = (bytes: number, more: object = {}) => ({
  type: 'response.output_audio.delta',
  event_id: 'event_1',
  response_id: 'resp_1',
  item_id: 'item_1',
  output_index: 0,
  content_index: 2,
  delta: Buffer.alloc(bytes, 7).toString('base64'),
  ...more,
})
const frame = (value: unknown, space?: number) => Buffer.from(JSON.stringify(value, null, space))

describe('an audio delta', () => {
  it('of any length and spelling is counted to the byte', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.constantFrom(undefined, 1, 4), (bytes, space) => {
        const expected = { responseId: 'resp_1', itemId: 'item_1', contentIndex: 2, bytes }
        expect(audioDeltaOf(frame(event(bytes), space))).toEqual(expected)
        expect(audioDeltaIn(event(bytes))).toEqual(expected)
      }),
    )
  })

  it.each([
    ['with its text first', Object.fromEntries(Object.entries(event(10)).reverse())],
    ['with a field behind its text', event(10, { obfuscation: 'abc==' })],
    ['of the preview', event(10, { type: 'response.audio.delta' })],
  ])('%s', (_, value) => {
    expect(audioDeltaOf(frame(value))).toEqual({ responseId: 'resp_1', itemId: 'item_1', contentIndex: 2, bytes: 10 })
  })

  it('whose slashes are escaped is counted without them', () => {
    const text = JSON.stringify({ ...event(0), delta: '////' }).replaceAll('////', String.raw`\/\/\/\/`)
    expect(audioDeltaOf(Buffer.from(text))).toMatchObject({ itemId: 'item_1', bytes: 3 })
  })

  it('with an id that is escaped is read as JSON', () => {
    expect(audioDeltaOf(frame(event(3, { item_id: 'it"em' })))).toMatchObject({ itemId: 'it"em', bytes: 3 })
  })

  it.each([['{"delta"'], ['{"type":"response.output_audio.delta","delta":5}'], ['[]'], [''], ['{"delta":"AA']])('%s is none', (text) => {
    expect(audioDeltaOf(Buffer.from(text))).toBeUndefined()
  })
})
