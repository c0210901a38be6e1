// What had been said of each item when its upstream was lost, whichever way its frames went.
import { expect, it } from 'vitest'
import { SaidSoFar } from '../../src/relay/said.js'
import { fc } from '../support/property.js'

const added = (id: string) => ({ type: 'response.output_item.added', item: { id } })
const add = (said: SaidSoFar, id: string | undefined, words: string) => {
  const frame = Buffer.from(JSON.stringify({ delta: words }))
  said.add(id, frame, '{"delta":"'.length, frame.length - '"}'.length)
}
const words = (id: string, delta: string) => ({ type: 'response.output_audio_transcript.delta', item_id: id, delta })

it('counts words and sound from the item’s beginning on, until it is done', () => {
  const said = new SaidSoFar()
  said.heard(added('a'), 48_000)
  said.heard(words('a', 'The '), 48_000)
  add(said, 'a', 'sea')
  said.heard(added('b'), 96_000)
  said.heard({ type: 'response.function_call_arguments.delta', item_id: 'b', delta: '{"' }, 96_000)
  expect(said.soFar(120_000, 48_000)).toEqual([
    { itemId: 'a', text: 'The sea', audioMs: 1500 },
    { itemId: 'b', text: '{"', audioMs: 500 },
  ])
  said.heard({ type: 'response.output_item.done', item: { id: 'a' } }, 120_000)
  said.heard({ type: 'response.output_item.done', item: { id: 'b' } }, 120_000)
  expect(said.soFar(120_000, 48_000)).toEqual([])
})

it('knows how fast the voice speaks from the items that are done', () => {
  const said = new SaidSoFar()
  said.heard(added('a'), 0)
  said.heard(words('a', 'x'.repeat(40)), 0)
  said.heard({ type: 'response.output_item.done', item: { id: 'a' } }, 96_000)
  said.heard(added('b'), 96_000)
  expect(said.soFar(120_000, 48_000)).toEqual([{ itemId: 'b', text: '', audioMs: 500, speed: 20 }])
})

it('keeps nothing of items that never began, and a bounded number of others', () => {
  const said = new SaidSoFar()
  said.heard(words('unknown', 'x'), 0)
  add(said, undefined, 'x')
  for (let n = 0; n < 100; n++) said.heard(added(`item_${n}`), 0)
  expect(said.soFar(0, 48_000)).toHaveLength(16)
  expect(said.soFar(0, 48_000).at(-1)?.itemId).toBe('item_99')
  for (let n = 0; n < 1000; n++) add(said, 'item_99', 'x'.repeat(1000))
  expect(said.soFar(0, 48_000).at(-1)?.text.length).toBeLessThan(70_000)
})

it('says what was said whatever it is cut into, halves of a character too, and whichever way each piece went', () => {
  const piece = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('"', '\\', '\n', ' schön', '天', '\ud83d', '\ude00', 'x'.repeat(200)))
  fc.assert(
    fc.property(fc.array(fc.tuple(piece, fc.boolean()), { maxLength: 30 }), (pieces) => {
      const said = new SaidSoFar()
      said.heard(added('a'), 0)
      for (const [text, unread] of pieces) unread ? add(said, 'a', text) : said.heard(words('a', text), 0)
      expect(said.sayings()).toEqual([['a', pieces.map(([text]) => text).join('')]])
    }),
  )
})
