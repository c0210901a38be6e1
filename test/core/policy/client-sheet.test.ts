// The client sheet: every client event, every attempt that it allows, and the verdict with its reason.
import { describe, expect, it } from 'vitest'
import { CLIENT_RULES, judgeClientEvent } from '../../../src/core/policy/client-rules.js'
import type { RealtimeEvent } from '../../../src/core/protocol/events.js'
import { unionTypes } from '../../support/openai-unions.js'
import { PREFIX } from '../../support/playbook.js'
import { hasShared, neededShared, sharedJson } from '../../support/shared.js'
import { callView, generous, view } from '../../support/view.js'
import { ITEM_ROWS } from './client-rows-items.js'
import { RESPONSE_ROWS } from './client-rows-response.js'
import { SESSION_ROWS } from './client-rows-session.js'
import { type Row, runRow, uniqueIds } from './sheet.js'

const append = (audio: unknown, extra: object = {}): object => ({ type: 'input_audio_buffer.append', audio, ...extra })
const noAudio: { reject: [string, string] } = { reject: ['bad_event', 'audio'] }
const unknown: { reject: [string, string] } = { reject: ['event_not_allowed', 'type'] }
const badId: { reject: [string, string] } = { reject: ['bad_event', 'event_id'] }

const AUDIO_ROWS: readonly Row[] = [
  { id: 'aa-01', event: append('AAAA', { event_id: 'c1', x: 1 }), verdict: { replace: { type: 'input_audio_buffer.append', event_id: 'c1', audio: 'AAAA' } }, because: 'audio' },
  { id: 'aa-02', event: append(undefined), verdict: noAudio, because: 'no audio' },
  { id: 'aa-03', event: append(['AAAA']), verdict: noAudio, because: 'no string' },
  { id: 'aa-04', event: append('AA"AA'), verdict: noAudio, because: 'not the base64 alphabet' },
  { id: 'aa-05', event: append('AAAA', { session: { instructions: 'x' } }), verdict: { replace: append('AAAA') }, because: 'another event’s fields have no place here' },
  { id: 'aa-06', event: append('A'.repeat(20 * 1024 * 1024 + 4)), verdict: noAudio, because: 'above the service’s own limit' },
  {
    id: 'ab-01',
    event: { type: 'input_audio_buffer.commit', event_id: 'c2', x: 1 },
    verdict: { replace: { type: 'input_audio_buffer.commit', event_id: 'c2' } },
    because: 'nothing but its name',
  },
  { id: 'ab-02', event: { type: 'input_audio_buffer.clear', x: 1 }, verdict: { replace: { type: 'input_audio_buffer.clear' } }, because: 'nothing but its name' },
  { id: 'ab-03', event: { type: 'output_audio_buffer.clear' }, verdict: unknown, because: 'WebRTC and SIP only' },
  {
    id: 'ab-04',
    event: { type: 'output_audio_buffer.clear', event_id: 'c4', x: 1 },
    verdict: { replace: { type: 'output_audio_buffer.clear', event_id: 'c4' } },
    seenBy: view({ interruption: { bargeIn: 'allow', truncate: 'relay' } }),
    because: 'the relay follows the playback, and stops it',
  },
  {
    id: 'ab-05',
    event: { type: 'output_audio_buffer.clear' },
    verdict: unknown,
    seenBy: view({ interruption: { bargeIn: 'protect', truncate: 'client' } }),
    because: 'the client stops its playback itself',
  },
]

const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 'v']))
const create = (metadata: object): object => ({ type: 'response.create', response: { metadata } })
const CALL_ROWS: readonly Row[] = [
  { id: 'ca-01', event: append('AAAA'), verdict: unknown, seenBy: callView(), because: 'the audio of a call goes by WebRTC' },
  {
    id: 'ca-02',
    event: { type: 'output_audio_buffer.clear', event_id: 'c3', x: 1 },
    verdict: { replace: { type: 'output_audio_buffer.clear', event_id: 'c3' } },
    seenBy: callView(),
    because: 'the upstream plays the audio, and the client may silence it',
  },
  { id: 'ca-03', event: create(pairs(15)), verdict: { replace: create(pairs(15)) }, seenBy: callView(), because: 'room is left for the relay’s mark' },
  { id: 'ca-04', event: create(pairs(16)), verdict: { reject: ['bad_event', 'response.metadata'] }, seenBy: callView(), because: 'no room is left for the relay’s mark' },
  { id: 'ca-05', event: { type: 'input_audio_buffer.commit' }, verdict: { replace: { type: 'input_audio_buffer.commit' } }, seenBy: callView(), because: 'as on a WebSocket' },
]

const TYPE_ROWS: readonly Row[] = [
  'transcription_session.update',
  'session.close',
  'session.input_audio_buffer.append',
  'response.of_next_year',
  'relay.anything',
  'Session.Update',
  'ſession.update',
  ' session.update',
  'session.update ',
  'session.update\u0000',
  'session．update',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
].map((type, index) => ({ id: `ty-${index}`, event: { type, session: { instructions: 'x' } }, verdict: unknown, because: 'no row: refused' }))

const ID_ROWS: readonly Row[] = [
  {
    id: 'id-01',
    event: { type: 'input_audio_buffer.clear', event_id: 'x'.repeat(512) },
    verdict: { replace: { type: 'input_audio_buffer.clear', event_id: 'x'.repeat(512) } },
    because: 'the longest',
  },
  { id: 'id-02', event: { type: 'input_audio_buffer.clear', event_id: 'x'.repeat(513) }, verdict: badId, because: 'too long' },
  { id: 'id-03', event: { type: 'input_audio_buffer.clear', event_id: 7 }, verdict: badId, because: 'no string' },
  { id: 'id-04', event: { type: 'input_audio_buffer.clear', event_id: { a: 1 } }, verdict: badId, because: 'no string' },
  { id: 'id-05', event: { type: 'input_audio_buffer.clear', event_id: null }, verdict: { replace: { type: 'input_audio_buffer.clear' } }, because: 'null means none' },
  { id: 'id-06', event: { type: 'response.create', event_id: `${PREFIX}1` }, verdict: badId, because: 'errors about it would be taken for ours' },
  { id: 'id-07', event: { type: 'nope', event_id: `${PREFIX}1` }, verdict: badId, because: 'on every type' },
]

const ALL: readonly Row[] = [...SESSION_ROWS, ...RESPONSE_ROWS, ...ITEM_ROWS, ...AUDIO_ROWS, ...CALL_ROWS, ...TYPE_ROWS, ...ID_ROWS]

describe('client sheet', () => {
  for (const row of ALL) it(`${row.id}: ${row.because}`, () => runRow(row, judgeClientEvent))

  it('has one id per row', () => uniqueIds(ALL))

  it('has rows for every rule, and a passing row for every rule that lets events pass', () => {
    for (const type of Object.keys(CLIENT_RULES)) {
      const rows = ALL.filter((row) => (row.event as RealtimeEvent).type === type)
      expect(rows.length, type).toBeGreaterThan(0)
      expect(
        rows.some((row) => typeof row.verdict === 'object' && 'replace' in row.verdict),
        type,
      ).toBe(true)
    }
  })

  it('judges an event that passed the same way again', () => {
    for (const row of ALL) {
      const seenBy = row.seenBy ?? view()
      const first = judgeClientEvent(row.event as RealtimeEvent, seenBy)
      if (first.type === 'replace') expect(judgeClientEvent(first.event, seenBy), row.id).toEqual(first)
    }
  })
})

describe('client rules are complete', () => {
  const standard = Object.keys(CLIENT_RULES)
    .filter((type) => !type.startsWith('relay.'))
    .sort()

  it('against the openai package', () => {
    expect(standard).toEqual([...unionTypes('RealtimeClientEvent')].sort())
  })

  const events = 'protocol/events-ga.json'
  describe.skipIf(!hasShared(events))(`against the official examples${neededShared(events)}`, () => {
    const { client } = hasShared(events) ? sharedJson<{ client: Record<string, RealtimeEvent[]> }>(events) : { client: {} }

    it('type by type', () => {
      expect(standard).toEqual(Object.keys(client).sort())
    })

    for (const [type, examples] of Object.entries(client)) {
      it(`${type}: nothing of the client's instructions, tools or input goes upstream`, () => {
        for (const example of examples) {
          const verdict = judgeClientEvent(example, generous())
          const upstream = verdict.type === 'replace' ? JSON.stringify(verdict.event) : ''
          expect(upstream).not.toMatch(/creative assistant|display_color_palette|stripe|concise answer|item_reference|"none"/)
        }
      })
    }
  })
})
