// WebRTC calls to the simulator: one conversation with several writers, and sound both ways over real ICE, DTLS and SRTP.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { type Caller, type CallerOptions, KEY, placeCall } from './caller.js'
import { type Client, connect, shape, update, userText } from './client.js'

const SILENT = 127
const PASSED =
  /^(input_audio_buffer\.speech_|output_audio_buffer\.st|conversation\.item\.(added|created|input_audio_transcription\.completed)|response\.output_(text|audio_transcript)\.)/

let simulator: Simulator
const callers: Caller[] = []
const clients: Client[] = []
beforeAll(async () => {
  simulator = await startSimulator({ apiKey: 'k', speed: Number.POSITIVE_INFINITY, heardText: 'Hi.' })
})
afterEach(async () => {
  simulator.setFaults({})
  simulator.setScript(undefined)
  for (const client of clients.splice(0)) client.close()
  for (const caller of callers.splice(0)) {
    await fetch(`${simulator.url}/openai/v1/realtime/calls/${caller.callId}/hangup`, { method: 'POST', headers: KEY })
    caller.leave()
  }
})
afterAll(() => simulator.close())

async function call(options?: CallerOptions): Promise<Caller> {
  const caller = await placeCall(simulator, options)
  callers.push(caller)
  return caller
}
async function sideband(caller: Caller): Promise<Client> {
  const client = await connect(simulator, `/openai/v1/realtime?call_id=${caller.callId}`, KEY)
  clients.push(client)
  return client
}
const types = (events: readonly RealtimeEvent[]) => events.map((event) => event.type)
const seen = (caller: Caller, type: string) => caller.until(type, () => caller.events.some((event) => event.type === type))
const sequenceOf = (packet: Buffer) => packet.readUInt16BE(2)
const timeOf = (packet: Buffer) => packet.readUInt32BE(4)

describe('a spoken turn', () => {
  it('is heard, answered and played, and the browser sees what the filter lets through', async () => {
    simulator.setScript({ answers: [{ reply: [{ say: 'Yes.' }] }] })
    const caller = await call({ session: { audio: { input: { transcription: { model: 'whisper-1' } } } } })
    const side = await sideband(caller)
    await caller.speak(300)
    await caller.speak(300, SILENT)
    const events = await side.until('output_audio_buffer.stopped')
    expect(shape(events).filter((type) => !type.includes('transcription'))).toEqual([
      ...['input_audio_buffer.speech_started', 'input_audio_buffer.speech_stopped', 'input_audio_buffer.committed', 'conversation.item.added', 'conversation.item.done'],
      ...['response.created', 'response.output_item.added', 'conversation.item.added', 'response.content_part.added', 'deltas', 'output_audio_buffer.started'],
      ...[
        'response.output_audio.done',
        'response.output_audio_transcript.done',
        'response.content_part.done',
        'conversation.item.done',
        'response.output_item.done',
        'response.done',
      ],
      'output_audio_buffer.stopped',
    ])
    const done = events.find((event) => event.type === 'response.done') as RealtimeEvent & { response: { id: string; usage: { output_token_details: { audio_tokens: number } } } }
    expect(done.response.usage.output_token_details.audio_tokens).toBeGreaterThan(0)
    for (const event of events) if (event.type.startsWith('output_audio_buffer')) expect(event.response_id).toBe(done.response.id)
    expect(types(events)).toContain('conversation.item.input_audio_transcription.completed')
    expect(types(events).filter((type) => type === 'response.output_audio.delta' || type === 'rate_limits.updated')).toEqual([])
    await seen(caller, 'output_audio_buffer.stopped')
    expect(caller.events.map((event) => event.event_id)).toEqual(events.filter(({ type }) => PASSED.test(type)).map((event) => event.event_id))
  })

  it('is heard by the size of its packets if they do not say how loud they are', async () => {
    const caller = await call({ levels: false })
    expect(caller.answer).not.toContain('a=extmap')
    const side = await sideband(caller)
    await caller.speak(300, SILENT)
    await caller.speak(300)
    await caller.speak(300, SILENT)
    const started = await side.next('input_audio_buffer.speech_started')
    expect(Number(started.audio_start_ms)).toBeLessThan(320)
    const stopped = await side.next('input_audio_buffer.speech_stopped')
    expect(Number(stopped.audio_end_ms)).toBeGreaterThan(600)
  })

  it('ends when a microphone is taken away in the middle of it', async () => {
    const caller = await call()
    const side = await sideband(caller)
    await caller.speak(200)
    expect(types(await side.until('input_audio_buffer.committed'))).toContain('input_audio_buffer.speech_stopped')
  })

  it('is not answered by the service if the session says so', async () => {
    const caller = await call({ session: { audio: { input: { turn_detection: { type: 'server_vad', create_response: false, interrupt_response: true } } } } })
    const side = await sideband(caller)
    await caller.speak(200)
    await side.next('input_audio_buffer.committed')
    side.send({ type: 'response.create' })
    expect(types(await side.until('response.done')).filter((type) => type === 'response.created')).toHaveLength(1)
  })

  it('into an answer cancels it and cuts its sound', async () => {
    simulator.setScript({ answers: [{ reply: [{ say: 'one two three four five six seven eight nine ten '.repeat(4) }, { wait: 60_000 }, { say: 'never' }] }] })
    const caller = await call()
    const side = await sideband(caller)
    side.send({ type: 'response.create' })
    await side.next('output_audio_buffer.started')
    await caller.speak(200)
    const events = await side.until('output_audio_buffer.cleared')
    expect(events.find((event) => event.type === 'response.done')).toMatchObject({ response: { status: 'cancelled', status_details: { reason: 'turn_detected' } } })
    const count = caller.packets.length
    await caller.speak(100, SILENT)
    expect(caller.packets.length - count).toBeLessThanOrEqual(1)
    expect(types(caller.events)).not.toContain('output_audio_buffer.cleared')
  })
})

describe('sound to the browser', () => {
  it('goes at its own pace, as long as the answer is, numbered and timed without a gap', async () => {
    simulator.setScript({ answers: [{ reply: [{ say: 'banana banana' }] }] })
    const caller = await call()
    const side = await sideband(caller)
    side.send({ type: 'response.create' })
    const began = performance.now()
    await side.until('output_audio_buffer.stopped')
    const tookMs = performance.now() - began
    const ms = 2 * (3 * 140 + 60)
    await caller.until('last packet', () => caller.packets.length === ms / 20)
    expect(tookMs).toBeGreaterThan(ms - 40)
    const [first, ...rest] = caller.packets as [Buffer, ...Buffer[]]
    expect([first[0], first[1]]).toEqual([0x80, 0x80 | 111])
    expect(new Set(rest.map((packet) => packet[1]))).toEqual(new Set([111]))
    expect(caller.answer).toContain(`a=ssrc:${first.readUInt32BE(8)} cname:realtimeapi`)
    for (const [index, packet] of rest.entries()) {
      expect((sequenceOf(packet) - sequenceOf(first)) & 0xffff).toBe(index + 1)
      expect((timeOf(packet) - timeOf(first)) >>> 0).toBe((index + 1) * 960)
    }
  })

  it('of a later answer comes after a pause in its time', async () => {
    simulator.setScript({ answers: [{ reply: [{ say: 'Oh' }] }] })
    const caller = await call({ opus: 96 })
    const side = await sideband(caller)
    for (let i = 0; i < 2; i++) {
      side.send({ type: 'response.create' })
      await side.until('output_audio_buffer.stopped')
      await caller.speak(100, SILENT)
    }
    const marked = caller.packets.filter((packet) => ((packet[1] ?? 0) & 0x80) !== 0)
    expect(marked).toHaveLength(2)
    const at = caller.packets.indexOf(marked[1] as Buffer)
    const [before, after] = [caller.packets[at - 1], caller.packets[at]] as [Buffer, Buffer]
    expect((sequenceOf(after) - sequenceOf(before)) & 0xffff).toBe(1)
    expect((timeOf(after) - timeOf(before)) >>> 0).toBeGreaterThanOrEqual(3 * 960)
    expect(((timeOf(after) - timeOf(before)) >>> 0) % 960).toBe(0)
  })

  it('is cut by output_audio_buffer.clear, from either side, and nothing is told if there is none', async () => {
    simulator.setScript({ answers: [{ reply: [{ say: 'one two three four five six seven '.repeat(3) }] }] })
    const caller = await call()
    const side = await sideband(caller)
    for (const writer of [side, caller]) {
      side.send({ type: 'response.create' })
      const created = await side.next('response.created')
      const events = await side.until('output_audio_buffer.started')
      writer.send({ type: 'output_audio_buffer.clear' })
      events.push(...(await side.until('output_audio_buffer.cleared')))
      expect(events.at(-1)?.response_id).toBe((created.response as { id: string }).id)
      if (!types(events).includes('response.done')) await side.next('response.done')
    }
    side.send({ type: 'output_audio_buffer.clear' })
    side.send(update({ output_modalities: ['text'] }))
    expect(types(await side.until('session.updated'))).toEqual(['session.updated'])
  })

  it('is none in a text answer', async () => {
    const caller = await call({ session: { output_modalities: ['text'] } })
    const side = await sideband(caller)
    side.send(userText('hello'))
    side.send({ type: 'response.create' })
    await side.until('response.done')
    await seen(caller, 'response.output_text.done')
    expect([caller.packets.length, types(side.events).filter((type) => type.startsWith('output_audio_buffer'))]).toEqual([0, []])
  })
})

describe('several writers', () => {
  it('a sideband gets no session.created, and the channel may do whatever it likes', async () => {
    const caller = await call({ session: { instructions: 'Sell shoes.' } })
    const side = await sideband(caller)
    caller.send(update({ instructions: 'Give everything away.' }))
    expect(await side.next('session.updated')).toMatchObject({ session: { instructions: 'Give everything away.' } })
    expect(types(side.events)).toEqual(['session.updated'])
    caller.send({ type: 'conversation.item.create', item: { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'Obey me.' }] } })
    caller.send({ type: 'response.create', response: { instructions: 'Shout.', output_modalities: ['text'] } })
    expect(JSON.stringify(await side.next('conversation.item.added'))).toContain('Obey me.')
    expect(JSON.stringify(await side.next('response.created'))).not.toContain('Shout')
    expect(types(caller.events)).not.toContain('session.updated')
  })

  it('the channel gets everything without the filter, but no sound', async () => {
    const caller = await call({ query: '', session: { instructions: 'Sell shoes.' } })
    caller.send(update({ voice: undefined }))
    caller.send({ type: 'response.create' })
    await seen(caller, 'response.done')
    expect(types(caller.events)).toEqual(expect.arrayContaining(['session.updated', 'response.created', 'response.output_audio.done']))
    expect(types(caller.events)).not.toContain('response.output_audio.delta')
    expect(types(caller.events)).not.toContain('session.created')
  })

  it('an error goes to whom sent the event', async () => {
    const caller = await call({ query: '' })
    const [one, other] = await Promise.all([sideband(caller), sideband(caller)])
    one.send({ type: 'nonsense', event_id: 'mine' })
    expect(await one.next('error')).toMatchObject({ error: { event_id: 'mine', message: expect.stringContaining("'output_audio_buffer.clear'") } })
    caller.sendRaw('{')
    await seen(caller, 'error')
    caller.sendRaw(Buffer.from([1, 2]))
    await caller.until('a second error', () => caller.events.filter((event) => event.type === 'error').length === 2)
    one.send(update({ instructions: 'x' }))
    await Promise.all([one, other].map((side) => side.next('session.updated')))
    expect([types(one.events), types(other.events)]).toEqual([['error', 'session.updated'], ['session.updated']])
  })

  it('each sideband sees all; one that leaves changes nothing', async () => {
    const caller = await call()
    const [one, other] = await Promise.all([sideband(caller), sideband(caller)])
    one.send(userText('hello'))
    expect((await other.next('conversation.item.done')).event_id).toBe((await one.next('conversation.item.done')).event_id)
    one.close()
    await one.closed()
    other.send(userText('still there'))
    await other.next('conversation.item.done')
    const again = await sideband(caller)
    other.send({ type: 'input_audio_buffer.clear' })
    await again.next('input_audio_buffer.cleared')
    expect(types(again.events)).toEqual(['input_audio_buffer.cleared'])
  })

  it('an event that is too long for the browser reaches the sidebands alone', async () => {
    const caller = await call({ query: '' })
    const side = await sideband(caller)
    side.send(userText('x'.repeat(300_000)))
    await side.next('conversation.item.done')
    side.send(userText('short'))
    const { event_id } = await side.next('conversation.item.done')
    await caller.until('the short one', () => caller.events.some((event) => event.event_id === event_id))
    expect(types(caller.events)).toEqual(['conversation.item.added', 'conversation.item.done'])
  })

  it('a second channel is closed, and the first goes on', async () => {
    const caller = await call({ query: '' })
    const closed = caller.openSecond()
    await closed
    caller.send(update({ instructions: 'x' }))
    await seen(caller, 'session.updated')
  })

  it('nobody is read while the simulator is frozen, and everybody after it', async () => {
    const caller = await call()
    const side = await sideband(caller)
    simulator.setFaults({ freeze: true })
    caller.send(update({ instructions: 'Held.' }))
    await caller.speak(200)
    expect(side.events).toEqual([])
    simulator.setFaults({})
    expect(await side.next('session.updated')).toMatchObject({ session: { instructions: 'Held.' } })
    expect(types(side.events)).toEqual(['session.updated'])
  })

  it('the order of events is the same for all, however late they are', async () => {
    const late = await startSimulator({ speed: Number.POSITIVE_INFINITY, latencyMs: 5, jitterMs: 20 })
    const caller = await placeCall(late, { query: '', session: { output_modalities: ['text'] } })
    const side = await connect(late, `/openai/v1/realtime?call_id=${caller.callId}`, KEY)
    side.send(userText('one two three'))
    side.send({ type: 'response.create' })
    const events = await side.until('response.done')
    await seen(caller, 'response.done')
    expect(caller.events.map((event) => event.event_id)).toEqual(events.map((event) => event.event_id))
    caller.leave()
    await late.close()
  })

  it('a foreign event is injected from code and from a script, and its errors go to nobody', async () => {
    simulator.setScript({
      answers: [{ on: { event: 'input_audio_buffer.clear' }, reply: [{ inject: { type: 'session.update', session: { type: 'realtime', instructions: 'Scripted.' } } }] }],
    })
    const caller = await call()
    const side = await sideband(caller)
    const { sessionId } = simulator.calls()[0] as { sessionId: string }
    expect([simulator.inject(sessionId, { type: 'response.cancel' }), simulator.inject('sess_0', { type: 'response.cancel' })]).toEqual([true, false])
    expect(simulator.inject(sessionId, { type: 'session.update', session: { type: 'realtime', instructions: 'Coded.' } })).toBe(true)
    expect(await side.next('session.updated')).toMatchObject({ session: { instructions: 'Coded.' } })
    side.send({ type: 'input_audio_buffer.clear' })
    expect(await side.next('session.updated')).toMatchObject({ session: { instructions: 'Scripted.' } })
    expect(types(side.events)).toEqual(['session.updated', 'input_audio_buffer.cleared', 'session.updated'])
    expect(types(simulator.received.at(-1)?.events ?? [])).toEqual(['input_audio_buffer.clear'])
  })
})

describe('without a channel', () => {
  it('a call has media alone, and its events come by the sideband', async () => {
    const caller = await call({ channel: false })
    expect(caller.answer).not.toContain('m=application')
    const side = await sideband(caller)
    await expect.poll(() => simulator.calls()).toMatchObject([{ channel: false, connected: true, sidebands: 1 }])
    await caller.speak(200)
    expect(types(await side.until('output_audio_buffer.started'))).toContain('input_audio_buffer.committed')
    await caller.until('sound', () => caller.packets.length > 0)
  })
})

describe('the end', () => {
  it('of the process comes by itself, with parts of the library collected meanwhile', async () => {
    const code = `
      import { startSimulator } from './src/simulator/simulator.ts'
      import { offering, placeCall, mint, postOffer } from './test/simulator/caller.ts'
      const simulator = await startSimulator()
      const callers = [await placeCall(simulator), await placeCall(simulator, { channel: false })]
      const unanswered = await offering()
      console.log((await postOffer(simulator, (await mint(simulator)).value, unanswered.sdp)).status)
      callers[0].leave()
      gc()
      await simulator.close()
      callers[1].leave()
      unanswered.close()
      console.log('closed', simulator.calls().length)`
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--import', 'tsx', '--input-type=module', '-e', code], { timeout: 18_000 })
    expect(stdout).toBe('201\nclosed 0\n')
  })

  it('comes when the browser leaves', async () => {
    const caller = await call()
    const side = await sideband(caller)
    caller.leave()
    expect((await side.closed()).code).toBe(1000)
    expect(simulator.calls()).toEqual([])
    await expect(connect(simulator, `/openai/v1/realtime?call_id=${caller.callId}`, KEY)).rejects.toThrow('404')
  })

  it('comes by a fault for all of a call, or for its sidebands alone', async () => {
    const caller = await call()
    const side = await sideband(caller)
    simulator.setFaults({ end: { how: 'rst', at: 'now', sidebandsOnly: true } })
    expect((await side.closed()).code).toBe(1006)
    simulator.setFaults({})
    const again = await sideband(caller)
    await expect.poll(() => simulator.calls()).toMatchObject([{ sidebands: 1, connected: true }])
    simulator.setFaults({ end: { how: 'close', code: 1011, reason: 'over', at: 'now' } })
    expect(await again.closed()).toEqual({ code: 1011, reason: 'over' })
    await caller.gone()
  })

  it('comes at the longest time, with its error', async () => {
    const short = await startSimulator({ sessionSeconds: 1, speed: Number.POSITIVE_INFINITY })
    const caller = await placeCall(short, { query: '' })
    const side = await connect(short, `/openai/v1/realtime?call_id=${caller.callId}`, KEY)
    expect(await side.next('error')).toMatchObject({ error: { code: 'session_expired' } })
    expect((await side.closed()).code).toBe(1001)
    await caller.gone()
    caller.leave()
    await short.close()
  })

  it('comes with the simulator', async () => {
    const other = await startSimulator()
    const caller = await placeCall(other)
    const side = await connect(other, `/openai/v1/realtime?call_id=${caller.callId}`, KEY)
    await other.close()
    expect((await side.closed()).code).toBe(1006)
    await caller.gone()
    caller.leave()
  })
})
