// What had been said of each item when its upstream was lost, whichever way its frames went.
import { expect, it } from 'vitest'
import { SaidSoFar } from '../../src/relay/said.js'

const added = (id: string) => ({ type: 'response.output_item.added', item: { id } })
const words = (id: string, delta: string) => ({ type: 'response.output_audio_transcript.delta', item_id: id, delta })

it('counts words and sound from the item’s beginning on, until it is done', () => {
  const said = new SaidSoFar()
  said.heard(added('a'), 48_000)
  said.heard(words('a', 'The '), 48_000)
  said.add('a', 'sea')
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
  said.add(undefined, 'x')
  for (let n = 0; n < 100; n++) said.heard(added(`item_${n}`), 0)
  expect(said.soFar(0, 48_000)).toHaveLength(16)
  expect(said.soFar(0, 48_000).at(-1)?.itemId).toBe('item_99')
  for (let n = 0; n < 1000; n++) said.add('item_99', 'x'.repeat(1000))
  expect(said.soFar(0, 48_000).at(-1)?.text.length).toBeLessThan(70_000)
})
