// What the drift canary finds: every event, field and value beside the relay's tables, and nothing in what services send today.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Unknown, unknownIn } from '../../../src/core/policy/unknown.js'
import type { RealtimeEvent } from '../../../src/core/protocol/events.js'
import { wireFor } from '../../../src/core/protocol/wires.js'
import { hasShared, neededShared, sharedPath } from '../../support/shared.js'

const words = (found: readonly Unknown[]) => found.map(({ kind, where, value }) => `${kind} ${where}${value === undefined ? '' : ` ${value}`}`)
const PART = { response_id: 'r', item_id: 'i', output_index: 0, content_index: 0 }

describe('an event with something new', () => {
  const sheet: readonly (readonly [string, RealtimeEvent, readonly string[]])[] = [
    ['a type without a row', { type: 'response.output_video.delta' }, ['event response.output_video.delta']],
    ['a type that is no word', { type: 'what <is> this?' }, ['event a type that is no word']],
    ['a field of an event', { type: 'response.output_audio.delta', ...PART, delta: 'AA==', viseme: 3 }, ['field response.output_audio.delta viseme']],
    ['a field of a part', { type: 'response.content_part.done', ...PART, part: { type: 'output_audio', words: [] } }, ['field response.content_part.done part.words']],
    ['a kind of part', { type: 'response.content_part.added', ...PART, part: { type: 'output_video' } }, ['value response.content_part.added part.type output_video']],
    ['a kind of item', { type: 'conversation.item.done', item: { id: 'i', type: 'shell_call' } }, ['value conversation.item.done item.type shell_call']],
    [
      'a reason and a token kind',
      {
        type: 'response.done',
        response: { status: 'incomplete', status_details: { type: 'incomplete', reason: 'policy' }, usage: { total_tokens: 3, output_token_details: { video_tokens: 2 } } },
      },
      ['field response.done response.usage.output_token_details.video_tokens', 'value response.done response.status_details.reason policy'],
    ],
    [
      'a field of an item of a response',
      { type: 'response.done', response: { output: [{ id: 'i', type: 'message', mood: 'glad' }] } },
      ['field response.done response.output.mood'],
    ],
    ['a setting', { type: 'session.updated', session: { type: 'realtime', guardrails: {} } }, ['field session.updated session.guardrails']],
    [
      'a setting inside one',
      { type: 'session.updated', session: { audio: { input: { turn_detection: { type: 'server_vad', patience: 9 } }, output: { pitch: 1 } } } },
      ['field session.updated session.audio.input.turn_detection.patience', 'field session.updated session.audio.output.pitch'],
    ],
    [
      'a status of an item of a response',
      { type: 'response.done', response: { output: [{ type: 'message', status: 'paused' }] } },
      ['value response.done response.output.status paused'],
    ],
    ['a modality of a response', { type: 'response.created', response: { output_modalities: ['audio', 'video'] } }, ['value response.created response.output_modalities video']],
    [
      'a format and a way of hearing turns of a session',
      { type: 'session.updated', session: { audio: { input: { turn_detection: { type: 'mind_vad' } }, output: { format: { type: 'audio/opus' } } } } },
      ['value session.updated session.audio.input.turn_detection.type mind_vad', 'value session.updated session.audio.output.format.type audio/opus'],
    ],
    ['a kind of session', { type: 'session.created', session: { type: 'translation' } }, ['value session.created session.type translation']],
    [
      'a choice among settings',
      { type: 'session.updated', session: { tool_choice: 'sometimes', truncation: 'oldest', reasoning: { effort: 'utmost' } } },
      ['value session.updated session.tool_choice sometimes', 'value session.updated session.truncation oldest', 'value session.updated session.reasoning.effort utmost'],
    ],
    [
      'what a transcription is billed by',
      { type: 'conversation.item.input_audio_transcription.completed', usage: { type: 'words', words: 3 } },
      ['field conversation.item.input_audio_transcription.completed usage.words', 'value conversation.item.input_audio_transcription.completed usage.type words'],
    ],
    [
      'why a response failed',
      { type: 'response.done', response: { status: 'failed', status_details: { type: 'failed', error: { type: 'policy_error', code: 'voice_not_allowed' } } } },
      ['value response.done response.status_details.error.type policy_error', 'value response.done response.status_details.error.code voice_not_allowed'],
    ],
    [
      'names that are free: of a voice and of a model',
      { type: 'session.updated', session: { model: 'm', audio: { input: { transcription: { model: 'm' } }, output: { voice: 'new' } } } },
      [],
    ],
    [
      'a value that is a sentence, of which only the place is told',
      { type: 'response.done', response: { status: 'said: my name is Bob' } },
      ['value response.done response.status'],
    ],
  ]
  it.each(sheet)('%s', (_what, event, expected) => expect(words(unknownIn(event))).toEqual(expected))
})

describe.skipIf(!hasShared('recordings'))(`recorded sessions${neededShared('recordings')}`, () => {
  it.each([
    ['azure-ga', 'ga'],
    ['openai-ga', 'ga'],
    ['azure-voice-live', 'voice-live'],
  ] as const)('%s has nothing that the tables do not know', (folder, dialect) => {
    const wire = wireFor(dialect, 'upstream')
    const found = new Set<string>()
    let events = 0
    for (const name of readdirSync(join(sharedPath('recordings'), folder)).filter((file) => file.endsWith('.jsonl'))) {
      for (const line of readFileSync(join(sharedPath('recordings'), folder, name), 'utf8')
        .trim()
        .split('\n')) {
        const { from, event } = JSON.parse(line)
        const reading = from === 'server' ? wire.read(Buffer.from(JSON.stringify(event)), false) : undefined
        if (!reading?.ok) continue
        events++
        for (const one of reading.events.flatMap(unknownIn)) found.add(words([one])[0] ?? '')
      }
    }
    expect(events).toBeGreaterThan(20)
    expect([...found]).toEqual([])
  })
})
