// What is learned of one frame does to another of its pattern what was done to the first, or nothing is learned.
import { describe, expect, it } from 'vitest'
import type { Frame } from '../../src/core/protocol/events.js'
import { type Found, matchesPattern, partPatternOf } from '../../src/core/protocol/repeated-frame.js'
import { type Outcome, outcomeOf, rewritten } from '../../src/relay/lane-outcome.js'
import { fc } from '../support/property.js'

type Event = Record<string, unknown>
type Write = (event: Event) => Event

const TYPE = 'response.output_text.done'
const bytes = (event: object) => Buffer.from(JSON.stringify(event))
const learned = (event: Event, write: Write) => outcomeOf(JSON.stringify(write(event)), bytes(event), TYPE, partPatternOf(bytes(event)) as Found)

function applied(outcome: Outcome | undefined, to: Frame, pattern: Found['pattern']): string | undefined {
  const spans: number[] = []
  if (!outcome || outcome.type === 'note') return undefined
  expect(matchesPattern(pattern, to, spans)).toBe(true)
  return String(outcome.type === 'forward' ? to : rewritten(outcome, to, spans))
}

const event = (n: number, more: object = {}): Event => ({ type: TYPE, event_id: `event_${n}`, item_id: `item_${n}`, n: 1, text: `says ${n}`, ...more })
const typeLast: Write = ({ type, ...rest }) => ({ ...rest, type })
const without = (name: string) => (one: Event) => Object.fromEntries(Object.entries(one).filter(([key]) => key !== name))

describe('what was done to a frame is', () => {
  it.each<[string, string | undefined, Write, object, Write?]>([
    ['that it goes on', 'forward', (one) => one, {}],
    ['a shorter name', 'rename', (one) => ({ ...one, type: 'response.text.done' }), {}],
    ['a longer name', 'rename', (one) => ({ ...one, type: `${TYPE}.and.more` }), {}],
    ['no name', 'rename', (one) => ({ ...one, type: '' }), {}],
    ['another name behind what varies', 'rewrite', (one) => typeLast({ ...one, type: 'x' }), {}, typeLast],
    ['a field less', 'rewrite', without('n'), {}],
    ['a field more at its end', 'rewrite', (one) => ({ ...one, more: 'é' }), {}],
    ['the texts the other way round', 'rewrite', ({ text, n, item_id, event_id, type }) => ({ text, n, item_id, event_id, type }), {}],
    ['the same with an escape', 'rewrite', without('n'), { text: 'a\n"b"\\' }],
    ['the same with two equal texts', 'rewrite', without('n'), { text: 'item_1' }],
    ['unknown of a text that is gone', undefined, without('text'), {}],
    ['unknown of a text that is gone though another says the same', undefined, without('item_id'), { text: 'item_1' }],
    ['unknown of a text that is gone though a constant says the same', undefined, without('text'), { text: TYPE }],
    ['unknown of a text that is gone but for one inside', undefined, without('text'), { text: 'a', part: { text: 'a' } }],
    ['unknown of a text that is there twice', undefined, without('n'), { text: 'a', part: { text: 'a' } }],
    ['unknown of a text in other words', undefined, (one) => ({ ...one, text: 'other' }), {}],
    ['unknown of an id that is another, though it is the name', undefined, (one) => ({ ...one, event_id: 'x' }), { event_id: TYPE }, typeLast],
  ])('%s', (_, type, write, change, shape = (one) => one) => {
    const [first, second] = [shape(event(1, change)), shape(event(22, { ...change, text: 'says\tmore', event_id: 'é' }))]
    const outcome = learned(first, write)
    expect(outcome?.type).toBe(type)
    const got = applied(outcome, bytes(second), (partPatternOf(bytes(first)) as Found).pattern)
    if (type) expect(JSON.parse(got ?? '')).toEqual(write(second))
    if (type === 'rewrite') expect(got).toBe(JSON.stringify(write(second)))
  })

  it('told by the place of its bytes, though a character before has several', () => {
    const write: Write = (one) => ({ ...one, type: 'response.text.done' })
    const of = (n: number) => ({ role: 'é😀', ...event(n) })
    const outcome = learned(of(1), write)
    expect(outcome?.type).toBe('rename')
    expect(JSON.parse(applied(outcome, bytes(of(2)), (partPatternOf(bytes(of(1))) as Found).pattern) ?? '')).toEqual(write(of(2)))
  })
})

const NAMES = ['event_id', 'response_id', 'item_id', 'transcript', 'text', 'type', 'role', 'n']
const WORDS = ['', 'a', 'item_1', 'é😀', '"', '","text":"', TYPE, 'role', '\\']
const words = fc.constantFrom(...WORDS)

it('whatever is renamed, put elsewhere, added or taken out, the next frame is told right or nothing was learned', () => {
  const changes = fc.record({
    order: fc.shuffledSubarray([...NAMES, 'part']),
    all: fc.boolean(),
    name: fc.constantFrom(TYPE, 'x', `${TYPE}.x`),
    more: fc.constantFrom({}, { more: 'a' }, { z: 'é' }),
  })
  const order = fc.shuffledSubarray([...NAMES, 'part'], { minLength: 4 })
  const texts = fc.array(words, { minLength: 6, maxLength: 6 })
  const made = (names: readonly string[], said: readonly string[]): Event =>
    Object.fromEntries(
      names.map((name, at) => [name, name === 'type' ? TYPE : name === 'role' ? 'é' : name === 'n' ? 1 : name === 'part' ? { type: 'a', text: said[5] } : said[at % 5]]),
    )
  fc.assert(
    fc.property(order, texts, texts, changes, (names, one, other, { order: kept, all, name, more }) => {
      const shown = all ? names : kept.filter((key) => names.includes(key))
      const write: Write = (given) => ({ ...Object.fromEntries(shown.map((key) => [key, key === 'type' ? name : given[key]])), ...more })
      const [first, second] = [made(names, one), made(names, other)]
      const outcome = learned(first, write)
      if (!outcome) return
      expect(JSON.parse(applied(outcome, bytes(second), (partPatternOf(bytes(first)) as Found).pattern) ?? '')).toEqual(write(second))
    }),
    { numRuns: 2000 },
  )
})
