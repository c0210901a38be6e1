// Real events compile as literals of the published types: recorded sessions, what the relay makes of them for either dialect, and published examples.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import { recordings } from '../recordings/recording.js'
import { hasShared, neededShared, sharedJson } from '../support/shared.js'
import { type Candidate, misfits } from './fitting.js'
import { RELAY_SERVER } from './names.js'
import { ownEvents, seenBy } from './relay-said.js'

afterEach(() => vi.useRealTimers())

type Examples = Record<'client' | 'server', Record<string, readonly unknown[]>>

/** Whose event it is decides its type, and the recording's folder the dialect. */
function recorded(): readonly Candidate[] {
  return ['azure-ga', 'openai-ga', 'azure-voice-live'].flatMap((folder) =>
    recordings(folder).flatMap(({ name, lines }) =>
      lines.map(
        ({ from, event }): Candidate => ({
          from: `${name} ${event.type}`,
          type: `${folder.endsWith('-ga') ? 'Ga' : 'Preview'}${from === 'client' ? 'Client' : 'Server'}Event`,
          event,
        }),
      ),
    ),
  )
}

function examples(dialect: 'Ga' | 'Preview', path: string, of: (file: Record<string, unknown>) => unknown): readonly Candidate[] {
  const sides = of(sharedJson(path)) as Examples
  return (['client', 'server'] as const).flatMap((side) =>
    Object.entries(sides[side]).flatMap(([type, all]) =>
      all.map((event, index): Candidate => ({ from: `${dialect} ${type}/${index + 1}`, type: `${dialect}${side === 'client' ? 'Client' : 'Server'}Event`, event })),
    ),
  )
}

/** Published examples that the types refuse on purpose. */
const UNLIKE: Readonly<Record<string, string>> = {
  'Ga conversation.item.retrieved/1': 'has a part of the type "audio", with a "format"; the schema and every recorded session say "output_audio"',
  'Ga response.output_item.done/1': 'has a part of the type "text"; the schema and every recorded session say "output_text"',
  'Preview response.create/2': 'prints "prompt" as a text, which no schema allows',
  'Preview response.create/3': 'the same',
  'Preview response.create/4': 'composed: has null where its schema wants the field left out',
  'Preview response.text.done/1': 'composed: has "value" for "text", as the first preview on Azure did for some weeks',
}

const NEEDS = 'recordings/azure-ga'

describe('the compiler', () => {
  it('refuses a wrong value, a field that is missing, one that the type lacks, and an event that nobody knows', async () => {
    const bad: readonly unknown[] = [
      { type: 'error', event_id: 'e', error: { type: 'x', message: 1 } },
      { type: 'response.done', event_id: 'e' },
      { type: 'input_audio_buffer.cleared', event_id: 'e', more: 1 },
      { type: 'response.invented', event_id: 'e' },
    ]
    const good = { type: 'input_audio_buffer.cleared', event_id: 'e' }
    const found = await misfits([{ from: 'good', type: 'ServerEvent', event: good }, ...bad.map((event, index) => ({ from: String(index), type: 'ServerEvent', event }))])
    expect(found.map(({ from }) => from)).toEqual(['0', '1', '2', '3'])
  })
})

it('the relay’s own events fit, each of them', async () => {
  const events = ownEvents() as readonly RealtimeEvent[]
  expect([...new Set(events.map(({ type }) => type))].filter((type) => type !== 'error').sort()).toEqual([...RELAY_SERVER])
  expect(await misfits(events.map((event) => ({ from: JSON.stringify(event), type: 'ServerEvent', event })))).toEqual([])
})

describe.skipIf(!hasShared(NEEDS))(`real events${neededShared(NEEDS)}`, () => {
  it('of recorded sessions fit', async () => {
    const all = recorded()
    expect(all.length).toBeGreaterThan(500)
    expect(await misfits(all)).toEqual([])
  })

  it.each([
    ['GA', 'ga', 'ServerEvent'],
    ['preview', 'preview', 'PreviewServerEvent'],
  ] as const)('fit as a client of %s sees them through the relay', async (_, dialect, type) => {
    const all: Candidate[] = []
    for (const folder of ['azure-ga', 'openai-ga', 'azure-voice-live'])
      for (const recording of recordings(folder))
        for (const text of await seenBy(recording, dialect, folder.endsWith('-ga') ? 'ga' : 'voice-live')) {
          const event = JSON.parse(text) as RealtimeEvent
          all.push({ from: `${recording.name} ${event.type}`, type, event })
        }
    vi.useRealTimers()
    expect(all.length).toBeGreaterThan(300)
    expect(await misfits(all)).toEqual([])
  })

  it('of the published examples fit, but for some', async () => {
    const all = [
      ...examples('Ga', 'protocol/events-ga.json', (file) => file),
      ...examples('Preview', 'protocol/events-preview.json', (file) => file),
      ...examples('Ga', 'protocol/events-composed.json', (file) => file.ga),
      ...examples('Preview', 'protocol/events-composed.json', (file) => file.preview),
    ]
    expect((await misfits(all)).map(({ from }) => from)).toEqual(Object.keys(UNLIKE))
  })
})
