// Recorded sessions of Azure OpenAI and OpenAI, replayed through the whole relay. A rule over the recording says what each side must get.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import type { Lab } from '../support/relay-lab.js'
import { hasShared, neededShared } from '../support/shared.js'
import { type Recording, recordings, type Seen, seenWithClientTools, seenWithServerTools } from './recording.js'
import { replay } from './replay.js'

afterEach(() => vi.useRealTimers())

/** The first event upstream is ours, with everything that the recorded client requested for its session. */
function onUpdate(update: RealtimeEvent, recorded: RealtimeEvent, lab: Lab): void {
  expect(update).toEqual({
    type: 'session.update',
    event_id: expect.stringMatching(/^relay_/),
    session: { tool_choice: 'auto', ...(recorded.session as JsonObject), tools: lab.owned.tools.map((tool) => tool.definition) },
  })
}

/** The client's only session event has the audio settings in force, and no instructions, model, prompt or server tools. */
function onOpened(created: RealtimeEvent, updated: RealtimeEvent): void {
  const session = updated.session as JsonObject & { audio: { input: JsonObject; output: JsonObject } }
  expect(created).toMatchObject({
    type: 'session.created',
    session: {
      id: session.id,
      model: 'realtime',
      instructions: '',
      tool_choice: 'auto',
      output_modalities: session.output_modalities,
      audio: { output: { voice: session.audio.output.voice } },
    },
  })
  for (const word of [session.instructions, session.model]) expect(JSON.stringify(created)).not.toContain(JSON.stringify(word))
  for (const key of ['tracing', 'prompt', 'truncation', 'max_output_tokens', 'include']) expect(created.session).not.toHaveProperty(key)
}

function expectSeen(seen: readonly string[], rule: readonly Seen[]): void {
  const types = (texts: readonly string[]) => texts.map((text) => (JSON.parse(text) as RealtimeEvent).type)
  expect(types(seen)).toEqual(rule.map((one) => ('bytes' in one ? types([one.bytes])[0] : one.event.type)))
  for (const [index, one] of rule.entries()) {
    if ('bytes' in one) expect(seen[index]).toBe(one.bytes)
    else expect(JSON.parse(seen[index] ?? '')).toEqual(one.event)
  }
}

/** Every response's usage is recorded once under its id, every limit report is recorded, and no event is dropped for an unknown reason. */
function expectRecorded(lab: Lab, recording: Recording): void {
  const server = recording.lines.filter((line) => line.from === 'server').map((line) => line.event)
  const done = server.filter((event) => event.type === 'response.done').map((event) => event.response as JsonObject & { usage: JsonObject })
  const reports = lab.usage.filter((report) => report.counters.responses !== undefined)
  expect(reports.map((report) => [report.onceId, report.counters.input_tokens, report.counters.output_tokens])).toEqual(
    done.map(({ id, usage }) => [id, usage.input_tokens, usage.output_tokens]),
  )
  const limits = server.filter((event) => event.type === 'rate_limits.updated').flatMap((event) => event.rate_limits as JsonObject[])
  const seen = lab.limits.filter((report) => report.source === 'event').flatMap((report) => report.limits)
  expect(seen).toEqual(limits.map(({ name, limit, remaining, reset_seconds: resetSeconds }) => ({ name, limit, remaining, resetSeconds })))
  for (const note of lab.noted('event_dropped')) expect(['rate_limits', 'hidden_item', 'hidden_response']).toContain(note.why)
}

for (const folder of ['azure-ga', 'openai-ga']) {
  const path = `recordings/${folder}`
  describe.skipIf(!hasShared(path))(`${folder}${neededShared(path)}`, () => {
    const all = recordings(folder)
    it('has recordings', () => expect(all.length).toBeGreaterThanOrEqual(3))

    for (const recording of all) {
      it(`${recording.name}, tools run by the server: the client sees what it may, byte for byte`, async () => {
        const { lab, sent, seen } = await replay(recording, { owner: 'server', onUpdate, onOpened })
        expectSeen(seen, lab.owned.tools.length > 0 ? seenWithServerTools(sent) : seenWithClientTools(sent))
        expectRecorded(lab, recording)
        for (const tool of lab.owned.tools) expect(seen.join('')).not.toContain(tool.definition.name)
      })

      it(`${recording.name}, tools run by the client: everything but limits, byte for byte`, async () => {
        const { lab, sent, seen } = await replay(recording, { owner: 'client', onUpdate, onOpened })
        expectSeen(seen, seenWithClientTools(sent))
        expectRecorded(lab, recording)
        expect(lab.tools).toEqual([])
      })
    }
  })
}
