// What operators see of a session while it lives: what it does, for how long, what it used, and nothing that was said.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { LiveSession } from '../../src/ports/live.js'
import { settle } from '../support/memory-link.js'
import { ev } from '../support/playbook.js'
import { type Lab, openLab } from '../support/relay-lab.js'

afterEach(() => vi.useRealTimers())

const row = (lab: Lab): LiveSession | undefined => lab.relay.seen(10).listed[0]
const turn = (lab: Lab) => row(lab)?.turn

async function say(lab: Lab, ...events: readonly object[]): Promise<void> {
  for (const event of events) lab.upstream.say(event)
  await settle()
}

describe('what a session does', () => {
  it('connects, is idle, waits, is answered, is idle', async () => {
    const lab = openLab()
    expect(turn(lab)).toBe('connecting')
    await lab.live()
    expect(turn(lab)).toBe('idle')
    lab.client.say({ type: 'response.create' })
    await settle()
    expect(turn(lab)).toBe('waiting')
    await say(lab, ev.created('r'))
    expect(turn(lab)).toBe('answering')
    await say(lab, ev.done('r', []))
    expect(turn(lab)).toBe('idle')
  })

  it('hears the user', async () => {
    const lab = openLab()
    await lab.live()
    await say(lab, { type: 'input_audio_buffer.speech_started', event_id: 'e', audio_start_ms: 0, item_id: 'i' })
    expect(turn(lab)).toBe('listening')
  })

  it('runs a tool, from the moment the tool began', async () => {
    const lab = openLab()
    await lab.live()
    const call = ev.call('call_1', 'get_weather', '{}')
    await say(lab, ev.created('r'), ev.itemDone('r', call), ev.done('r', [call]))
    await lab.pass(3000)
    expect(row(lab)).toMatchObject({ turn: 'tool' })
    const { turnSince = 0, since = 0 } = row(lab) ?? {}
    await lab.pass(2000)
    expect(row(lab)?.turnSince).toBe(turnSince)
    expect(turnSince).toBeGreaterThanOrEqual(since)
    lab.tools[0]?.finish()
    await settle()
    expect(turn(lab)).toBe('waiting')
  })

  it('counts from when it was first seen so, if it does not know itself; a look after a while begins anew', async () => {
    const lab = openLab()
    await lab.live()
    const first = row(lab)?.turnSince ?? 0
    await lab.pass(4000)
    expect(row(lab)?.turnSince).toBe(first)
    await lab.pass(20_000)
    expect(row(lab)?.turnSince).toBeGreaterThan(first)
  })
})

describe('a row', () => {
  it('has what the user of the last answer waited for, from the request on', async () => {
    const lab = openLab()
    await lab.live()
    lab.client.say({ type: 'response.create' })
    await settle()
    await lab.pass(400)
    await say(lab, ev.created('r1'))
    await lab.pass(600)
    const audio = (id: string) => ({ type: 'response.output_audio.delta', event_id: 'e', response_id: id, item_id: 'i', output_index: 0, content_index: 0, delta: 'AAAA' })
    await say(lab, audio('r1'))
    expect(row(lab)?.firstAudioMs).toBeGreaterThanOrEqual(1000)
    expect(row(lab)?.firstAudioMs).toBeLessThan(1300)
    const first = row(lab)?.firstAudioMs
    await say(lab, ev.done('r1', []))
    lab.client.say({ type: 'response.create' })
    await settle()
    await say(lab, ev.created('r2'))
    await lab.pass(300)
    await say(lab, audio('r2'))
    expect(row(lab)?.firstAudioMs).toBeLessThan(first ?? 0)
  })

  it('has ids, counts and times, and the time to the first audio of the last answer', async () => {
    const lab = openLab()
    await lab.live()
    await say(lab, ev.created('r'))
    await lab.pass(700)
    await say(lab, { type: 'response.output_audio.delta', event_id: 'e', response_id: 'r', item_id: 'i', output_index: 0, content_index: 0, delta: 'AAAA' })
    const { response, ...done } = ev.done('r', [])
    const usage = { total_tokens: 30, input_tokens: 20, output_tokens: 10, input_token_details: { text_tokens: 20 }, output_token_details: { audio_tokens: 10 } }
    await say(lab, { ...done, response: { ...response, usage } })
    const { firstAudioMs, ...rest } = row(lab) ?? {}
    expect(firstAudioMs).toBeGreaterThanOrEqual(700)
    expect(firstAudioMs).toBeLessThan(1000)
    expect(rest).toMatchObject({
      id: 'sess-4711',
      subject: 'alice',
      profile: 'default',
      dialect: 'ga',
      legs: 1,
      losses: 0,
      responses: 1,
      inputTokens: 20,
      outputTokens: 10,
      backlogBytes: 0,
      heldMessages: 0,
    })
    expect(JSON.stringify(row(lab))).not.toContain('lighthouse')
    expect(lab.noted('first_audio')).toMatchObject([{ afterMs: 700 }])
  })

  it('shows what a client that does not read has not taken', async () => {
    const lab = openLab()
    await lab.live()
    lab.client.pause()
    await say(lab, ev.created('r'))
    await say(lab, { type: 'response.output_audio.delta', event_id: 'e', response_id: 'r', item_id: 'i', output_index: 0, content_index: 0, delta: 'A'.repeat(4000) })
    expect(row(lab)?.backlogBytes).toBeGreaterThan(4000)
  })

  it('is one of at most so many, and the sums are of all', async () => {
    const lab = openLab()
    await lab.live()
    const other = lab.another()
    await other.live()
    expect(lab.relay.seen(1)).toMatchObject({ sessions: 2, turns: { idle: 2 }, listed: [{ id: expect.any(String) }] })
    expect(lab.relay.seen(1).listed).toHaveLength(1)
  })
})
