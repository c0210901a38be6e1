// The lines of a conversation, made of events: their order, their words, and how many are kept.
import { describe, expect, it } from 'vitest'
import type { ServerEvent } from '../../src/events/events.js'
import { type Line, withEvent } from '../../src/react/lines.js'

const linesOf = (...events: object[]) => (events as ServerEvent[]).reduce<readonly Line[]>(withEvent, [])
const added = (id: string, role: string, ...content: object[]) => ({ type: 'conversation.item.added', item: { id, type: 'message', role, content } })
const said = (item_id: string, delta: string) => ({ type: 'response.output_audio_transcript.delta', item_id, delta })
const text = (words: string) => ({ type: 'input_text', text: words })

describe('lines', () => {
  it('keep the order of their items, though a spoken turn is written down after its answer began', () => {
    const lines = linesOf(
      added('u', 'user', { type: 'input_audio', transcript: null }),
      { type: 'conversation.item.done', item: { id: 'u', type: 'message', role: 'user', content: [{ type: 'input_audio', transcript: null }] } },
      added('a', 'assistant'),
      said('a', 'It is '),
      { type: 'conversation.item.input_audio_transcription.delta', item_id: 'u', delta: 'What is' },
      said('a', 'sunny.'),
      { type: 'conversation.item.input_audio_transcription.completed', item_id: 'u', transcript: 'What is the weather?' },
      { type: 'response.output_item.done', item: { id: 'a', type: 'message', role: 'assistant', content: [{ type: 'output_audio', transcript: 'It is sunny.' }] } },
    )
    expect(lines).toEqual([
      { id: 'u', role: 'user', text: 'What is the weather?', done: true },
      { id: 'a', role: 'assistant', text: 'It is sunny.', done: true },
    ])
  })

  it('take written answers, several parts, and an item that comes again with all its words', () => {
    expect(linesOf({ type: 'response.output_text.delta', item_id: 'a', delta: 'Hel' }, { type: 'response.output_text.delta', item_id: 'a', delta: 'lo' })).toMatchObject([
      { text: 'Hello', done: false },
    ])
    expect(linesOf(added('u', 'user', text('one '), text('two')))).toMatchObject([{ text: 'one two' }])
    expect(linesOf(added('a', 'assistant'), said('a', 'cut o'), added('a', 'assistant', { type: 'output_audio', transcript: 'cut off' }))).toMatchObject([{ text: 'cut off' }])
  })

  it('lose what was deleted, and nothing else', () => {
    const two = [added('u', 'user', text('hi')), added('a', 'assistant')]
    expect(linesOf(...two, { type: 'conversation.item.deleted', item_id: 'u' }).map(({ id }) => id)).toEqual(['a'])
    expect(linesOf(...two, { type: 'conversation.item.deleted', item_id: 'x' }).map(({ id }) => id)).toEqual(['u', 'a'])
  })

  it('are the same array if an event says nothing of them, sound above all', () => {
    const before = linesOf(added('a', 'assistant'), said('a', 'words'))
    const nothing = [
      { type: 'response.output_audio.delta', item_id: 'a', delta: 'AAAA' },
      { type: 'response.done', response: {} },
      { type: 'conversation.item.added', item: { id: 'f', type: 'function_call', name: 'x', arguments: '{}' } },
      { type: 'conversation.item.added', item: { id: 's', type: 'message', role: 'system', content: [text('secret')] } },
      { type: 'conversation.item.added', item: { type: 'message', role: 'user', content: [] } },
      added('a', 'assistant'),
      { type: 'a.newer.event' },
    ] as unknown as ServerEvent[]
    for (const event of nothing) expect(withEvent(before, event), event.type).toBe(before)
  })

  it('are two hundred at most: the oldest go', () => {
    const many = linesOf(...Array.from({ length: 250 }, (_, index) => added(`u${index}`, 'user', text(`${index}`))))
    expect([many.length, many[0]?.id, many.at(-1)?.id]).toEqual([200, 'u50', 'u249'])
  })
})
