// What is kept of answers that guards hold: what went to the client, when it went, and nothing of what never did.
import { afterEach, expect, it, vi } from 'vitest'
import type { Recorded } from '../../src/ports/records.js'
import { askedGuards } from '../support/asked-guards.js'
import { settle } from '../support/memory-link.js'
import { ev } from '../support/playbook.js'
import { openLab } from '../support/relay-lab.js'

afterEach(() => {
  vi.useRealTimers()
})

const FIRST = 'This is a sentence that is long enough to be asked about at once.'
const MORE = ' And this is what comes after it, which has to be long enough as well, so that there is a second question about it that waits.'

async function recorded() {
  const told: Recorded[] = []
  const { guards, asked } = askedGuards()
  const lab = openLab({
    record: (one) => void told.push(one),
    guards,
    profile: {
      tools: [],
      relayEvents: true,
      interruption: { bargeIn: 'allow', truncate: 'relay' },
      record: { keeps: 'transcript', consent: 'given' },
      guards: { guards: [{ name: 'held', on: ['output'], mode: 'hold', whenUnsure: 'block' }], tellsModel: false, maxBlocks: 5 },
    },
  })
  await lab.live()
  const place = { event_id: 'e', response_id: 'r1', item_id: 'm1', output_index: 0, content_index: 0 }
  const item = { ...ev.message('m1'), status: 'in_progress', content: [] }
  for (const event of [ev.created('r1'), ev.itemAdded('r1', item), ev.added(item)]) lab.upstream.say(event)
  await settle()
  const says = (words: string) => {
    lab.upstream.say({ type: 'response.output_audio_transcript.delta', ...place, delta: words })
    lab.upstream.say({ type: 'response.output_audio.delta', ...place, delta: Buffer.alloc(4800).toString('base64') })
    return settle()
  }
  const ends = () => {
    lab.upstream.say(ev.itemDone('r1', ev.message('m1', FIRST)))
    lab.upstream.say(ev.done('r1', [ev.message('m1', FIRST)]))
    return settle()
  }
  const texts = () => told.flatMap((one) => (one.type === 'said' ? [one.text] : []))
  return { lab, asked, says, ends, texts, told }
}

it('an answer that is blocked while it is held is not kept', async () => {
  const { asked, says, ends, texts } = await recorded()
  await says(FIRST)
  await ends()
  expect(texts()).toEqual([])
  await asked.shift()?.({ type: 'block', category: 'hate' })
  expect(texts()).toEqual([])
})

it('one that passes is kept as of when it goes', async () => {
  const { lab, asked, says, ends, told } = await recorded()
  await says(FIRST)
  await ends()
  await lab.pass(700)
  await asked.shift()?.({ type: 'pass' })
  expect(told.filter(({ type }) => type === 'said')).toEqual([{ type: 'said', who: 'assistant', itemId: 'm1', atMs: 700, text: FIRST, spoken: false }])
})

it.each([
  ['that has begun to go is kept as far as it went', true, [FIRST]],
  ['of which nothing went is not kept', false, []],
] as const)('an answer %s when the session ends', async (_, passes, kept) => {
  const { lab, asked, says, texts, told } = await recorded()
  await says(FIRST)
  if (passes) await asked.shift()?.({ type: 'pass' })
  await says(MORE)
  lab.client.close(1000)
  await settle()
  expect(told.at(-1)?.type).toBe('over')
  expect(texts()).toEqual(kept)
})

it('nor is one that was blocked after its beginning had gone', async () => {
  const { lab, asked, says, texts } = await recorded()
  await says(FIRST)
  await asked.shift()?.({ type: 'pass' })
  await says(MORE)
  await asked.shift()?.({ type: 'block', category: 'hate' })
  lab.client.close(1000)
  await settle()
  expect(texts()).toEqual([])
})
