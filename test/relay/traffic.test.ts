// A live session's traffic: order, which bytes pass as they are, what is rebuilt, and what is told to whom about frames that are no events.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import { ev, updated } from '../support/playbook.js'
import { type Lab, openLab } from '../support/relay-lab.js'

afterEach(() => vi.useRealTimers())

async function liveLab(options: Parameters<typeof openLab>[0] = {}): Promise<Lab> {
  const lab = openLab(options)
  await lab.live()
  return lab
}

const delta = (n: number): object => ({ type: 'response.output_audio.delta', event_id: `e${n}`, response_id: 'r', item_id: 'm', output_index: 0, content_index: 0, delta: 'AAAA' })

describe('towards the upstream', () => {
  it('audio and control events keep their order', async () => {
    const lab = await liveLab()
    const sent: string[] = []
    for (let n = 0; n < 50; n++) {
      const event = n % 7 === 3 ? { type: 'input_audio_buffer.commit', event_id: `c${n}` } : { type: 'input_audio_buffer.append', event_id: `c${n}`, audio: 'AAAA' }
      sent.push(lab.client.say(event))
    }
    expect(await lab.upstream.rest()).toEqual(sent)
  })

  it('audio passes in the client’s own bytes', async () => {
    const lab = await liveLab()
    const spaced = '{ "type": "input_audio_buffer.append", "audio": "AAAA" }'
    lab.client.send(spaced)
    expect(await lab.upstream.rest()).toEqual([spaced])
  })

  it('anything else is rebuilt', async () => {
    const lab = await liveLab()
    lab.client.send('{ "type":"input_audio_buffer.commit" , "extra":1 }')
    lab.client.send('{"audio":"AA\\u0041A","type":"input_audio_buffer.append","session":{"instructions":"x"}}')
    expect(await lab.upstream.rest()).toEqual(['{"type":"input_audio_buffer.commit"}', '{"type":"input_audio_buffer.append","audio":"AAAA"}'])
  })

  it('what starts like audio and is more does not slip through', async () => {
    const lab = await liveLab()
    lab.client.send('{"type":"input_audio_buffer.append","audio":"AA==","type":"session.update","session":{"instructions":"mine"}}')
    expect(await lab.upstream.rest()).toEqual([])
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'bad_event', message: 'The event has the same key twice in one object.' } })
  })

  it('what is no event is answered with what is wrong, and too much of it ends the session', async () => {
    const lab = await liveLab()
    const bad: readonly (readonly [string | Buffer, string])[] = [
      ['{"type":', 'The event is not valid JSON.'],
      ['[]', 'The event must be a JSON object.'],
      ['{"type":7}', "The 'type' field must be a string of 1 to 128 characters."],
      [`{"type":"x","v":${'['.repeat(5000)}`, 'The event is nested too deeply.'],
      [Buffer.from('{"type":"input_audio_buffer.append","audio":"AAAA"}'), 'Binary messages are not supported; send JSON as text.'],
    ]
    for (const [frame, message] of bad) {
      lab.client.send(frame)
      expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error', code: 'bad_event', message } })
    }
    lab.client.send('null')
    expect((await lab.client.closed).code).toBe(4400)
    expect(await lab.upstream.rest()).toEqual([])
  })
})

describe('towards the client', () => {
  it('events that hide nothing pass in the upstream’s own bytes, audio among them, in order', async () => {
    const lab = await liveLab({ profile: { tools: [] } })
    const texts = [
      JSON.stringify(ev.created('r'), null, 1),
      ` ${JSON.stringify(ev.itemAdded('r', ev.message('m')))}`,
      JSON.stringify(delta(0)),
      JSON.stringify({ type: 'response.output_audio_transcript.delta', event_id: 'e', response_id: 'r', item_id: 'm', output_index: 0, content_index: 0, delta: 'h\\u00e9' }),
      JSON.stringify(delta(1)),
      JSON.stringify(ev.done('r', [ev.message('m')])),
    ]
    for (const text of texts) lab.upstream.send(text)
    expect(await lab.client.rest()).toEqual(texts)
  })

  it('events that hide something are written anew, in their place', async () => {
    const lab = await liveLab()
    lab.upstream.say(ev.created('r'))
    lab.upstream.say({ ...ev.itemAdded('r', ev.message('m')), instructions: 'secret' })
    const audio = lab.upstream.say(delta(0))
    lab.upstream.say({ ...ev.done('r', [ev.message('m'), ev.call('c', 'get_weather')]), instructions: 'secret' })
    const texts = await lab.client.rest()
    expect(texts.map((text) => (JSON.parse(text) as RealtimeEvent).type)).toEqual([
      'response.created',
      'response.output_item.added',
      'response.output_audio.delta',
      'response.done',
    ])
    expect(texts[2]).toBe(audio)
    expect(texts.join('')).not.toMatch(/secret|get_weather/)
  })

  it('JSON in binary frames of the upstream is read, audio included, and goes on as text', async () => {
    const lab = openLab()
    const binary = (event: object) => lab.upstream.send(Buffer.from(JSON.stringify(event)))
    binary({ type: 'session.created', event_id: 'event_0', session: { type: 'realtime', id: 'sess_1', instructions: 'default', tools: [] } })
    await lab.upstream.hear()
    binary(updated(lab.owned))
    expect(await lab.client.hear()).toMatchObject({ type: 'session.created' })
    binary({ type: 'input_audio_buffer.speech_started', event_id: 'e1', audio_start_ms: 0, item_id: 'i' })
    binary(delta(1))
    expect(await lab.client.types()).toEqual(['input_audio_buffer.speech_started', 'response.output_audio.delta'])
    expect(lab.noted('event_dropped')).toEqual([])
  })

  it('what the upstream sends that is no event is dropped and counted', async () => {
    const lab = await liveLab()
    for (const frame of [Buffer.from('{"type":"error\xff"}', 'latin1'), '{"type":', '[]', '{"type":"error","type":"response.created"}']) lab.upstream.send(frame)
    lab.upstream.say({ type: 'event.of.next_year', instructions: 'secret' })
    expect(await lab.client.rest()).toEqual([])
    expect(lab.noted('event_dropped').map((note) => note.why)).toEqual(['not_an_event', 'not_an_event', 'not_an_event', 'not_an_event', 'unknown_type'])
    expect((await lab.client.types()).length).toBe(0)
  })

  it('is written in the client’s dialect, audio included', async () => {
    const lab = await liveLab({ clientDialect: 'preview', profile: { tools: [] } })
    lab.upstream.say(ev.created('r'))
    lab.upstream.say(ev.itemAdded('r', ev.message('m')))
    // Oddly spaced: what is spliced keeps its bytes, what was parsed would not. Blanks fill what the shorter name leaves.
    const audio = JSON.stringify(delta(0)).replace('"event_id":', '"event_id" : ')
    lab.upstream.send(audio)
    const texts = await lab.client.rest()
    expect(texts.at(-1)).toBe(audio.replace('response.output_audio.delta"', 'response.audio.delta"       '))
  })
})

describe('meters', () => {
  it('count messages and bytes of both directions, and what took the fast lane', async () => {
    const lab = await liveLab()
    const sent = [lab.client.say({ type: 'input_audio_buffer.append', audio: 'AAAA' }), lab.client.say({ type: 'input_audio_buffer.commit' })]
    await lab.upstream.rest()
    lab.client.close(1000)
    await lab.upstream.closed
    const [closed] = lab.noted('session_closed')
    expect(closed).toMatchObject({ code: 'client_left', upMessages: 2, upBytes: sent.join('').length, downMessages: 1 })
    expect(closed?.downBytes).toBeGreaterThan(100)
    expect(lab.noted('lane')).toEqual([{ type: 'lane', side: 'client', hits: 1, misses: 1 }])
  })
})
