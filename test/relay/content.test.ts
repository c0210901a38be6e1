// What spans are told of answers that guards look at: those that passed by the time they end, and nothing that is blocked or undecided.
import { afterEach, expect, it, vi } from 'vitest'
import type { Content } from '../../src/ports/content.js'
import { askedGuards } from '../support/asked-guards.js'
import { settle } from '../support/memory-link.js'
import { ev } from '../support/playbook.js'
import { openLab } from '../support/relay-lab.js'

afterEach(() => {
  vi.useRealTimers()
})

const WORDS = 'This is a sentence that is long enough to be asked about at once.'

async function answering(mode: 'hold' | 'cut') {
  const told: Content[] = []
  const { guards, asked } = askedGuards()
  const lab = openLab({
    content: (one) => void told.push(one),
    guards,
    profile: { tools: [], guards: { guards: [{ name: 'words', on: ['output'], mode, whenUnsure: 'block' }], tellsModel: false, maxBlocks: 5 } },
  })
  await lab.live()
  const item = { ...ev.message('m1'), status: 'in_progress', content: [] }
  for (const event of [ev.created('r1'), ev.itemAdded('r1', item), ev.added(item)]) lab.upstream.say(event)
  lab.upstream.say({ type: 'response.output_text.delta', event_id: 'e', response_id: 'r1', item_id: 'm1', output_index: 0, content_index: 0, delta: WORDS })
  await settle()
  const ends = () => {
    lab.upstream.say(ev.itemDone('r1', ev.message('m1', WORDS)))
    lab.upstream.say(ev.done('r1', [ev.message('m1', WORDS)]))
    return settle()
  }
  return { asked, ends, outputs: () => told.flatMap((one) => (one.type === 'output' ? [one.parts] : [])) }
}

const PASS = { type: 'pass' } as const
const BLOCK = { type: 'block', category: 'hate' } as const
const TOLD = [[{ type: 'text', text: WORDS }]]

it.each([
  ['held, passed before its end', 'hold', PASS, undefined, TOLD],
  ['held, passed after its end', 'hold', undefined, PASS, []],
  ['held, blocked before its end', 'hold', BLOCK, undefined, []],
  ['held, blocked after its end', 'hold', undefined, BLOCK, []],
  ['not held, blocked before its end', 'cut', BLOCK, undefined, []],
  // The client has read it by then.
  ['not held, blocked after its end', 'cut', undefined, BLOCK, TOLD],
] as const)('an answer that is %s', async (_, mode, before, after, outputs) => {
  const { asked, ends, outputs: told } = await answering(mode)
  if (before) await asked.shift()?.(before)
  await ends()
  if (after) await asked.shift()?.(after)
  expect(told()).toEqual(outputs)
})
