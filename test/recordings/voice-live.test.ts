// Recorded sessions of Azure Voice Live, replayed through the whole relay to a GA and to a preview client: the same words, in the client's own spelling.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { DialectName } from '../../src/core/protocol/dialect.js'
import type { JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { unionTypes } from '../support/openai-unions.js'
import type { Lab } from '../support/relay-lab.js'
import { hasShared, neededShared } from '../support/shared.js'
import { recordings } from './recording.js'
import { replay } from './replay.js'

afterEach(() => vi.useRealTimers())

/** Our update in the upstream's spelling. It must have no GA field, since one unknown field voids the whole update. */
function onUpdate(update: RealtimeEvent, recorded: RealtimeEvent, lab: Lab): void {
  const { instructions } = recorded.session as JsonObject
  expect(update).toMatchObject({ type: 'session.update', session: { instructions, tools: lab.owned.tools.map((tool) => tool.definition), tool_choice: 'auto' } })
  for (const key of ['type', 'audio', 'output_modalities', 'max_output_tokens']) expect(update.session).not.toHaveProperty(key)
}

function onOpened(created: RealtimeEvent, updated: RealtimeEvent): void {
  const session = updated.session as JsonObject
  expect(created).toMatchObject({ type: 'session.created', session: { id: session.id, model: 'realtime', instructions: '' } })
  expect(JSON.stringify(created)).not.toContain(String(session.instructions))
}

const DELTAS = /^response\.(output_)?(text|audio|audio_transcript)\.delta$/

/** The texts and the audio, by kind of delta in either spelling. */
function content(texts: readonly string[]): Record<string, string> {
  const said: Record<string, string> = {}
  for (const text of texts) {
    const event = JSON.parse(text) as RealtimeEvent
    const kind = DELTAS.exec(event.type)?.[2]
    if (kind !== undefined) said[kind] = `${said[kind] ?? ''}|${event.delta as string}`
  }
  return said
}

const types = (texts: readonly string[]) => texts.map((text) => (JSON.parse(text) as RealtimeEvent).type)

const path = 'recordings/azure-voice-live'
describe.skipIf(!hasShared(path))(`azure-voice-live${neededShared(path)}`, () => {
  const all = recordings('azure-voice-live')
  it('has recordings', () => expect(all.length).toBeGreaterThanOrEqual(2))

  for (const recording of all) {
    for (const owner of ['server', 'client'] as const) {
      for (const clientDialect of ['ga', 'preview'] satisfies DialectName[]) {
        it(`${recording.name}, ${clientDialect} client, tools run by the ${owner}`, async () => {
          const { lab, sent, seen } = await replay(recording, { owner, clientDialect, upstreamDialect: 'voice-live', onUpdate, onOpened })
          expect(content(seen)).toEqual(content(sent))
          expect(Object.keys(content(seen)).length).toBeGreaterThan(0)

          const responses = types(sent).filter((type) => type === 'response.done').length
          const shown = owner === 'server' && lab.owned.tools.length > 0 ? responses - 1 : responses
          for (const type of ['response.created', 'response.done']) expect(types(seen).filter((one) => one === type)).toHaveLength(shown)

          const known = clientDialect === 'ga' ? unionTypes('RealtimeServerEvent') : types(sent)
          expect(types(seen).filter((type) => !known.includes(type))).toEqual([])

          const calls = types(seen).filter((type) => type.includes('function_call'))
          if (owner === 'client') expect(calls).toEqual(types(sent).filter((type) => type.includes('function_call')))
          else {
            expect(calls).toEqual([])
            for (const hidden of ['function_call', 'call_id', ...lab.owned.tools.map((tool) => tool.definition.name)]) expect(seen.join('')).not.toContain(hidden)
          }
          expect(lab.usage.filter((report) => report.counters.responses !== undefined)).toHaveLength(responses)
        })
      }
    }
  }
})
