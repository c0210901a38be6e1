// The fast lane for server audio: it recognises frames by their first bytes, and a spliced frame equals the slow path's.
import { describe, expect, it } from 'vitest'
import { dialectFor } from '../../../src/core/protocol/dialects.js'
import { audioDeltaTypeAt, spliceAudioDeltaType } from '../../../src/core/protocol/fast-lane.js'
import { fc } from '../../support/property.js'

const often = { numRuns: 2_000 }
const AUDIO = Buffer.from('some audio bytes').toString('base64')
const GA = 'response.output_audio.delta'
const PREVIEW = 'response.audio.delta'
const typeAt = (frame: Buffer, type: string) => audioDeltaTypeAt(frame, Buffer.from(type))

describe('server audio', () => {
  const rest = `"response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"${AUDIO}"`
  it.each([
    ['type first (Azure, OpenAI)', `{"type":"${GA}","event_id":"event_1",${rest}}`, GA],
    ['event_id first (Voice Live)', `{"event_id":"event_1","type":"${PREVIEW}",${rest}}`, PREVIEW],
    ['with spaces', `{"type": "${GA}", "event_id": "event_1"}`, GA],
    ['event_id first, with spaces', `{"event_id": "event_1", "type": "${PREVIEW}"}`, PREVIEW],
    ['nothing else in it', `{"type":"${GA}"}`, GA],
    ['an empty id', `{"event_id":"","type":"${GA}"}`, GA],
    ['the longest id looked for', `{"event_id":"${'x'.repeat(129)}","type":"${GA}"}`, GA],
  ])('%s', (_name, text, type) => {
    expect(typeAt(Buffer.from(text), type)).toBe(text.indexOf(type))
    expect(typeAt(Buffer.from(text), type === GA ? PREVIEW : GA)).toBe(-1)
  })

  it.each([
    ['audio done', '{"type":"response.output_audio.done"}'],
    ['a transcript delta', '{"type":"response.output_audio_transcript.delta"}'],
    ['a longer name', `{"type":"${GA}s"}`],
    ['the name in another field', `{"delta":"x","type":"${GA}"}`],
    ['the name inside a transcript', `{"event_id":"e\\",\\"type\\":\\"${GA}","type":"response.done"}`],
    ['an id with an escape', `{"event_id":"a\\\\","type":"${GA}"}`],
    ['another member first', `{"response_id":"r","type":"${GA}"}`],
    ['another key as long as the id’s', `{"other_id":"e","type":"${GA}"}`],
    ['an id that is no text', `{"event_id":1,"type":"${GA}"}`],
    ['a type that is no text', '{"type":7}'],
    ['another member after the id', `{"event_id":"e","x":"${GA}"}`],
    ['no comma after the id', `{"event_id":"e";"type":"${GA}"}`],
    ['no key after the id', `{"event_id":"e",type:"${GA}"}`],
    ['no colon after the id’s key', `{"event_id";"e","type":"${GA}"}`],
    ['no colon after the type’s key', `{"type";"${GA}"}`],
    ['a longer key', `{"types":"${GA}"}`],
    ['a longer key of the id', `{"event_ids":"e","type":"${GA}"}`],
    ['an array', `["type":"${GA}"]`],
    ['an id longer than looked for', `{"event_id":"${'x'.repeat(130)}","type":"${GA}"}`],
    ['an id without an end', `{"event_id":"${'x'.repeat(300)}","type":"${GA}"}`],
    ['cut off', `{"type":"${GA}`],
    ['nothing', ''],
  ])('not %s', (_name, text) => {
    const frame = Buffer.from(text)
    expect([typeAt(frame, GA), typeAt(frame, PREVIEW)]).toEqual([-1, -1])
  })

  const names = ['ga', 'preview', 'voice-live'] as const
  const delta = fc.record({
    id: fc.stringMatching(/^[A-Za-z0-9_]{1,30}$/),
    audio: fc.base64String({ maxLength: 80 }),
    typeFirst: fc.boolean(),
    obfuscation: fc.boolean(),
    index: fc.nat(3),
  })

  it('a spliced frame is the event that the slow path would have sent', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.constantFrom(...names), delta, (fromName, toName, one) => {
        const from = dialectFor(fromName)
        const to = dialectFor(toName)
        const head = one.typeFirst ? { type: from.audioDeltaType, event_id: one.id } : { event_id: one.id, type: from.audioDeltaType }
        const event = { ...head, response_id: 'r', item_id: 'i', output_index: one.index, content_index: 0, delta: one.audio, ...(one.obfuscation ? { obfuscation: 'x1' } : {}) }
        const frame = Buffer.from(JSON.stringify(event))
        const at = typeAt(frame, from.audioDeltaType)
        expect(at).toBe(String(frame).indexOf(from.audioDeltaType))
        const spliced = spliceAudioDeltaType(frame, at, from.audioDeltaType, to.audioDeltaType)
        // If the new name is not longer, the frame stays in place and keeps its length.
        if (to.audioDeltaType.length <= from.audioDeltaType.length) expect(spliced).toBe(frame)
        const fast = JSON.parse(spliced.toString())
        const slow = from.toGa(event).flatMap((ga) => [...to.fromGa(ga)])
        expect([fast]).toEqual(slow)
      }),
      often,
    )
  })

  it('returns the same frame if both spellings are equal', () => {
    const audio = Buffer.from(`{"type":"${GA}"}`)
    expect(spliceAudioDeltaType(audio, 9, GA, GA)).toBe(audio)
    expect(String(audio)).toBe(`{"type":"${GA}"}`)
  })
})
