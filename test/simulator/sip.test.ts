// The simulator's calls by SIP, asked by the unmodified client of OpenAI: accept, reject, refer, hang up, sideband, and what a caller hears.
import { readFileSync } from 'node:fs'
import OpenAI from 'openai'
import { OpenAIRealtimeWS } from 'openai/realtime/ws'
import { Agent, fetch as trusting } from 'undici'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createHeard } from '../../src/simulator/carriers/heard.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { createSipPlayback } from '../../src/simulator/sip/playback.js'
import { speakInTones } from '../../src/simulator/speech-tones.js'

const KEY = 'sk-key-of-the-tests'
const SESSION = { type: 'realtime' as const, model: 'gpt-realtime', instructions: 'You answer the telephone.' }

describe('a call', { timeout: 20_000 }, () => {
  let simulator: Simulator
  let client: OpenAI
  beforeEach(async () => {
    simulator = await startSimulator({ style: 'openai', apiKey: KEY, deployments: ['gpt-realtime'], speed: Number.POSITIVE_INFINITY, heardText: 'Hello there.' })
    client = new OpenAI({ apiKey: KEY, baseURL: `${simulator.url}/v1`, maxRetries: 0 })
  })
  afterEach(() => simulator.close())
  const statusOf = (work: Promise<unknown>) =>
    work.then(
      () => 200,
      (error: { status?: number }) => error.status,
    )
  const calls = () => client.realtime.calls

  it('is accepted, spoken with over the sideband, and hung up', async () => {
    // The library's sockets speak TLS alone.
    await simulator.close()
    const [cert, key] = ['cert', 'key'].map((name) => readFileSync(new URL(`../support/tls/localhost-${name}.pem`, import.meta.url))) as [Buffer, Buffer]
    simulator = await startSimulator({ style: 'openai', apiKey: KEY, speed: Number.POSITIVE_INFINITY, heardText: 'Hello there.', tls: { cert, key } })
    const dispatcher = new Agent({ connect: { ca: cert } })
    client = new OpenAI({ apiKey: KEY, baseURL: `${simulator.url.replace('127.0.0.1', 'localhost')}/v1`, fetch: trusting as never, fetchOptions: { dispatcher } as never })
    const caller = simulator.ringBySip()
    await calls().accept(caller.callId, SESSION)
    await caller.accepted
    expect(simulator.calls()).toMatchObject([{ id: caller.callId, connected: true, channel: false, sidebands: 0 }])
    const sideband = new OpenAIRealtimeWS({ callID: caller.callId, options: { ca: cert } }, client)
    const types: string[] = []
    const keys: unknown[] = []
    sideband.on('event', (event) => {
      types.push(event.type)
      if (event.type === 'input_audio_buffer.dtmf_event_received') keys.push(event)
    })
    sideband.on('error', () => undefined)
    await expect.poll(() => simulator.calls()[0]?.sidebands).toBe(1)
    caller.press('7')
    await caller.voice.say(speakInTones('Hello there, who is it?', { voice: 'alloy', speed: 1 }).pcm)
    await expect.poll(() => types, { timeout: 5000 }).toContain('output_audio_buffer.started')
    await expect.poll(() => types, { timeout: 10_000 }).toContain('output_audio_buffer.stopped')
    expect(types).not.toContain('session.created')
    expect(types).not.toContain('response.output_audio.delta')
    expect(keys).toEqual([{ type: 'input_audio_buffer.dtmf_event_received', event: '7', received_at: expect.any(Number) }])
    expect(caller.ear.playedMs).toBeGreaterThan(500)
    const closed = new Promise((resolve) => sideband.socket.on('close', resolve))
    await calls().hangup(caller.callId)
    expect(await closed).toBe(1000)
    expect(await caller.ended).toEqual({ type: 'over', by: 'relay' })
    expect(simulator.calls()).toEqual([])
    await dispatcher.close()
  })

  it('is rejected with a status, which is 603 by itself', async () => {
    const [busy, declined] = [simulator.ringBySip(), simulator.ringBySip()]
    await calls().reject(busy.callId, { status_code: 486 })
    await calls().reject(declined.callId)
    expect([await busy.ended, await declined.ended]).toEqual([
      { type: 'rejected', sipStatus: 486 },
      { type: 'rejected', sipStatus: 603 },
    ])
    expect(await statusOf(calls().accept(busy.callId, SESSION))).toBe(404)
  })

  it('is transferred, and over then', async () => {
    const caller = simulator.ringBySip()
    await calls().accept(caller.callId, SESSION)
    expect(await statusOf(calls().refer(caller.callId, { target_uri: 'http://example.com' }))).toBe(400)
    await calls().refer(caller.callId, { target_uri: 'tel:+14255550123' })
    expect(await caller.ended).toEqual({ type: 'transferred', target: 'tel:+14255550123' })
    expect(await statusOf(calls().hangup(caller.callId))).toBe(404)
  })

  it('is not found if it never rang, has no caller any more, or is accepted already', async () => {
    expect(await statusOf(calls().accept('rtc_none', SESSION))).toBe(404)
    const gone = simulator.ringBySip()
    gone.hangUp()
    expect(await statusOf(calls().accept(gone.callId, SESSION))).toBe(404)
    const taken = simulator.ringBySip()
    expect(await statusOf(calls().refer(taken.callId, { target_uri: 'tel:+14255550123' }))).toBe(404)
    expect(await statusOf(calls().hangup(taken.callId))).toBe(404)
    await calls().accept(taken.callId, SESSION)
    expect(await statusOf(calls().accept(taken.callId, SESSION))).toBe(404)
    expect(await statusOf(calls().reject(taken.callId))).toBe(404)
  })

  it('is accepted with a valid session by whoever has the key, and by nobody else', async () => {
    const caller = simulator.ringBySip()
    const turn = (detection: object) => ({ ...SESSION, audio: { input: { turn_detection: { type: 'server_vad' as const, ...detection } } } })
    for (const detection of [{ threshold: 0.5 }, { prefix_padding_ms: 300 }, { silence_duration_ms: 500 }])
      expect(await statusOf(calls().accept(caller.callId, turn(detection)))).toBe(400)
    expect(await statusOf(calls().accept(caller.callId, { ...SESSION, model: 'another' as never }))).toBe(404)
    expect(await statusOf(new OpenAI({ apiKey: 'another', baseURL: `${simulator.url}/v1`, maxRetries: 0 }).realtime.calls.accept(caller.callId, SESSION))).toBe(401)
    expect(await statusOf(calls().accept(caller.callId, turn({ interrupt_response: false })))).toBe(200)
  })

  it('needs instructions on Azure', async () => {
    const azure = await startSimulator({ apiKey: KEY, speed: Number.POSITIVE_INFINITY })
    try {
      const { callId } = azure.ringBySip()
      const accept = (session: object) =>
        fetch(`${azure.url}/openai/v1/realtime/calls/${callId}/accept`, {
          method: 'POST',
          headers: { 'api-key': KEY, 'content-type': 'application/json' },
          body: JSON.stringify(session),
        })
      expect((await accept({ type: 'realtime', model: 'voice' })).status).toBe(400)
      expect((await accept({ ...SESSION, model: 'voice' })).status).toBe(200)
    } finally {
      await azure.close()
    }
  })

  it('can be made to fail at each step', async () => {
    for (const at of ['accept', 'reject', 'refer'] as const) {
      simulator.setFaults({ refuse: { status: 503, at } })
      const { callId } = simulator.ringBySip()
      const answers = {
        accept: await statusOf(calls().accept(callId, SESSION)),
        refer: await statusOf(calls().refer(callId, { target_uri: 'tel:+14255550123' })),
        reject: await statusOf(calls().reject(callId)),
      }
      expect(answers[at]).toBe(503)
      expect(Object.values(answers).filter((status) => status === 503)).toHaveLength(1)
    }
  })
})

describe('playback', () => {
  const SECOND = Buffer.alloc(48_000, 1)
  function playing() {
    vi.useFakeTimers()
    const events: string[] = []
    const heard = createHeard({ bytesPerMs: 48, silence: 0, now: () => performance.now() })
    heard.start()
    const speaker = createSipPlayback(heard, (type, { response_id }) => void events.push(`${type.split('.').at(-1)} ${response_id}`))
    return { events, heard, speaker }
  }
  afterEach(() => {
    vi.useRealTimers()
  })

  it('says when each answer begins and ends, one after the other', async () => {
    const { events, speaker } = playing()
    for (const id of ['a', 'b']) {
      speaker.play(id, 1000, SECOND)
      speaker.end(id)
    }
    expect(events).toEqual(['started a'])
    await vi.advanceTimersByTimeAsync(1005)
    expect(events).toEqual(['started a', 'stopped a', 'started b'])
    await vi.advanceTimersByTimeAsync(1005)
    expect(events).toEqual(['started a', 'stopped a', 'started b', 'stopped b'])
  })

  it('says what was cut, keeps what was heard, and plays nothing more of it', async () => {
    const { events, heard, speaker } = playing()
    speaker.play('a', 1000, SECOND)
    speaker.play('b', 1000, SECOND)
    await vi.advanceTimersByTimeAsync(400)
    speaker.clear()
    speaker.play('a', 1000, SECOND)
    speaker.end('a')
    speaker.end('b')
    await vi.advanceTimersByTimeAsync(3000)
    expect(events).toEqual(['started a', 'cleared a'])
    expect(heard.playedMs).toBe(400)
    speaker.play('c', 1000, SECOND)
    expect(events.at(-1)).toBe('started c')
  })
})
