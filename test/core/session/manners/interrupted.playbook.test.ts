// Playbooks for manners beside interruptions: a line is an answer like others, and a caller who is protected from interrupting is still heard.
import { expect, it } from 'vitest'
import { ev, type Play } from '../../../support/playbook.js'
import { answered, asked, calls, mannered, outputs, pass, SILENCE, speech } from './manners-play.js'

const PROTECT = { interruption: { bargeIn: 'protect', truncate: 'relay' } } as const
const RELAY = { interruption: { bargeIn: 'allow', truncate: 'relay' } } as const
const HANG_UP = ev.call('call_h', 'hang_up')

/** So much of this response's message is not heard. */
function unheard(p: Play, responseId: string, heardMs: number): void {
  p.upstream(ev.added(ev.message(`item_${responseId}`)))
  p.playing = { unheard: () => [{ responseId, itemId: `item_${responseId}`, contentIndex: 0, heardMs }], playedMs: () => heardMs } as never
}

it('a goodbye that is protected is said to its end, the hang-up is called off, and what was said is answered', () => {
  const p = mannered({ hangUp: true }, PROTECT)
  p.upstream(ev.created('resp_1'))
  p.upstream(ev.itemDone('resp_1', ev.message('item_resp_1')))
  p.upstream(ev.itemDone('resp_1', HANG_UP))
  expect(p.upstream(speech.started)).not.toContain('upstream response.cancel')
  expect(outputs(p)).toEqual([expect.stringMatching(/^The user spoke/)])
  p.upstream(speech.stopped)
  p.upstream(speech.committed)
  expect(asked(p)).toEqual([])
  expect(p.upstream(ev.done('resp_1', [ev.message('item_resp_1'), HANG_UP]))).toContain('upstream response.create')
  expect(asked(p)).toHaveLength(1)
  answered(p, 'resp_2')
  expect(pass(p, 60_000)).toEqual([])
})

it('a greeting that the user breaks into is truncated where it was heard, and not said again', () => {
  const p = mannered({ greeting: 'Welcome to Contoso.' }, RELAY)
  p.upstream(ev.created('resp_1'))
  unheard(p, 'resp_1', 700)
  expect(p.upstream(speech.started)).toContain('upstream conversation.item.truncate')
  p.playing = { unheard: () => [], playedMs: () => 0, sentMs: () => undefined }
  p.upstream(ev.done('resp_1', [], 'cancelled'))
  p.upstream(speech.stopped)
  answered(p, 'resp_2')
  expect(asked(p)).toEqual(['Welcome to Contoso.'])
})

it('silence under protection is asked about, and the answer to the question is taken', () => {
  const p = mannered({ silence: SILENCE }, PROTECT)
  expect(pass(p, 5001)).toEqual(['upstream response.create'])
  p.upstream(ev.created('resp_1'))
  p.upstream(speech.started)
  p.upstream(speech.stopped)
  p.upstream(speech.committed)
  expect(p.upstream(ev.done('resp_1', [ev.message('m')])).at(-1)).toBe('upstream response.create')
  expect(asked(p)).toEqual([SILENCE.question, ''])
  answered(p, 'resp_2')
  expect(p.state.manners?.asked).toBe(0)
})

it('a hang-up whose goodbye was truncated has been called off', () => {
  const p = mannered({ hangUp: true }, RELAY)
  calls(p, 'resp_1', HANG_UP, true)
  unheard(p, 'resp_1', 1200)
  expect(p.upstream(speech.started)).toEqual(['client input_audio_buffer.speech_started', 'upstream conversation.item.truncate', 'upstream conversation.item.create'])
  expect(pass(p, 30_000)).toEqual([])
})
