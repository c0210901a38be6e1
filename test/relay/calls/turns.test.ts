// Times of turns in a WebRTC call, whose sound goes past the relay: only what the sideband says is counted.
import { afterEach, expect, it, vi } from 'vitest'
import { ev } from '../../support/playbook.js'
import { type CallLab, openCallLab } from './call-lab.js'

afterEach(() => {
  vi.useRealTimers()
})

const NOTES = ['first_audio', 'answer_begun', 'barge_in', 'audio_ahead', 'audio_starved', 'turn_ended']
const timed = (c: CallLab) => c.notes.filter(({ type }) => NOTES.includes(type))
const place = { event_id: 'e', response_id: 'r1', item_id: 'm', output_index: 0, content_index: 0 }

/** The user has spoken, and the answer has begun after 300 ms. */
async function answered(): Promise<CallLab> {
  const c = await openCallLab()
  await c.live()
  const heard = (type: string) => c.say({ type: `input_audio_buffer.${type}`, event_id: 'e', item_id: 'u1', previous_item_id: null })
  await heard('speech_started')
  await heard('speech_stopped')
  await heard('committed')
  const asked = c.sidebands[0]?.drainInbox().map(({ text }) => JSON.parse(text)) ?? []
  const { metadata } = asked.find(({ type }) => type === 'response.create').response
  await c.lab.pass(300)
  await c.say(ev.created('r1', { metadata }))
  return c
}

it('is heard when the service begins to send, and what of it the caller reads is not known', async () => {
  const c = await answered()
  await c.lab.pass(50)
  await c.say(ev.itemAdded('r1', ev.message('m')))
  await c.say({ type: 'response.output_audio_transcript.delta', ...place, delta: 'hi' })
  await c.lab.pass(100)
  await c.say({ type: 'output_audio_buffer.started', event_id: 'e', response_id: 'r1' })
  await c.say(ev.done('r1'))
  await c.lab.pass(2000)
  expect(timed(c)).toMatchObject([
    { type: 'first_audio', responseId: 'r1', afterMs: 150 },
    { type: 'answer_begun', with: 'audio', ms: 450, turn: 'spoken' },
    { type: 'turn_ended', end: 'completed' },
  ])
})

it('does not end because another relay takes the call', async () => {
  const c = await answered()
  void c.lab.relay.sessions.drain(1000)
  await c.lab.pass(2000)
  expect(c.told).toContainEqual({ code: 'draining', handsOver: true })
  expect(timed(c)).toEqual([])
})
