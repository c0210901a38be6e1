// The relay's opening: what is held until the session is live, in which order everything goes on then, and what a failed dial tells the client.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RefusalError } from '../../src/core/protocol/errors.js'
import type { Traced } from '../../src/ports/notes.js'
import type { UpstreamConnection } from '../../src/ports/upstream.js'
import { settle } from '../support/memory-link.js'
import { ev } from '../support/playbook.js'
import { openLab } from '../support/relay-lab.js'

afterEach(() => vi.useRealTimers())

const never = () => new Promise<UpstreamConnection>(() => {})

describe('what a client sends early', () => {
  it('is held, and goes upstream in order behind our session.update, through the same rules', async () => {
    const lab = openLab()
    lab.client.say({ type: 'session.update', session: { instructions: 'mine', audio: { output: { voice: 'cedar' } } } })
    lab.client.say({ type: 'input_audio_buffer.append', audio: 'AAAA' })
    lab.client.say({ type: 'nope' })
    lab.client.say({ type: 'response.create' })
    await lab.live()
    expect(await lab.upstream.hear()).toMatchObject({ type: 'session.update', session: { instructions: lab.owned.instructions, audio: { output: { voice: 'cedar' } } } })
    expect(await lab.upstream.types()).toEqual(['input_audio_buffer.append', 'response.create'])
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'event_not_allowed' } })
  })

  it('sends nothing upstream before, whoever is slow', async () => {
    let connected: () => void = () => {}
    const lab = openLab({
      dial: (_signal, connect) =>
        new Promise((resolve) => {
          connected = () => resolve(connect())
        }),
    })
    lab.client.say({ type: 'response.create' })
    expect(await lab.upstream.rest()).toEqual([])
    connected()
    expect(await lab.upstream.rest()).toEqual([])
    await lab.live()
    expect(await lab.upstream.types()).toEqual(['response.create'])
  })

  it('stays before what it sends as soon as it is released', async () => {
    const lab = openLab()
    for (let n = 0; n < 5; n++) lab.client.say({ type: 'input_audio_buffer.append', event_id: `early${n}`, audio: 'AAAA' })
    await lab.live()
    for (let n = 0; n < 5; n++) lab.client.say({ type: 'input_audio_buffer.append', event_id: `late${n}`, audio: 'AAAA' })
    const ids = (await lab.upstream.rest()).map((text) => (JSON.parse(text) as { event_id: string }).event_id)
    expect(ids).toEqual(['early0', 'early1', 'early2', 'early3', 'early4', 'late0', 'late1', 'late2', 'late3', 'late4'])
  })

  it('is refused when binary, once someone can be told', async () => {
    const lab = openLab()
    lab.client.send(Buffer.from('{"type":"response.create"}'))
    await settle()
    await lab.live()
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'bad_event', message: 'Binary messages are not supported; send JSON as text.' } })
    expect(await lab.upstream.rest()).toEqual([])
  })

  for (const [bound, settings, frame] of [
    ['bytes', { bufferBytes: 10_000 }, { type: 'input_audio_buffer.append', audio: 'A'.repeat(4000) }],
    ['count', { heldFrames: 3 }, { type: 'input_audio_buffer.clear' }],
  ] as const) {
    it(`is bounded in ${bound}: the client is not read on, and nothing is lost`, async () => {
      const lab = openLab({ settings })
      for (let n = 0; n < 20; n++) lab.client.say(frame)
      await settle()
      expect(lab.client.linkPaused).toBe(true)
      expect(lab.client.unread).toBe(17)
      await lab.live()
      for (let n = 0; n < 20; n++) expect(await lab.upstream.hear()).toEqual(frame)
      await settle()
      expect(lab.client.linkPaused).toBe(false)
    })
  }
})

describe('the opening', () => {
  it('hands the client’s traceparent to the upstream and to tools', async () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const lab = openLab({ trace })
    expect(lab.dialled()).toMatchObject({ correlationId: 'sess-4711', trace })
    await lab.live()
    lab.upstream.say(ev.created('r'))
    lab.upstream.say(ev.itemDone('r', ev.call('call_0', 'get_weather')))
    await settle()
    expect(lab.tools[0]?.context.trace).toBe(trace)
  })

  it('hands them that of their own span instead, if the session is traced', async () => {
    const asked: unknown[] = []
    const traceparent = (of: Traced) => {
      asked.push(of)
      return of.type === 'dial' ? 'of the dial' : undefined
    }
    const lab = openLab({ trace: 'of the client', traceparent })
    expect(lab.dialled()).toMatchObject({ trace: 'of the dial' })
    await lab.live()
    lab.upstream.say(ev.created('r'))
    lab.upstream.say(ev.itemDone('r', ev.call('call_0', 'get_weather')))
    await settle()
    expect(lab.tools[0]?.context.trace).toBe('of the client')
    expect(asked).toEqual([
      { type: 'dial', leg: 1 },
      { type: 'tool', callId: 'call_0' },
    ])
  })

  it('notes the dial, whom it reached, and how it ended', async () => {
    const lab = openLab()
    await lab.live()
    expect([...lab.noted('dial_started'), ...lab.noted('dial_finished')]).toEqual([
      { type: 'dial_started', leg: 1, reason: 'first' },
      { type: 'dial_finished', leg: 1, outcome: 'ok', service: undefined },
    ])
    const refused = openLab({ dial: () => Promise.reject(new RefusalError('upstream_timeout', 'connect')) })
    await settle()
    expect(refused.noted('dial_finished')).toEqual([{ type: 'dial_finished', leg: 1, outcome: 'upstream_timeout', service: undefined }])
    const left = openLab({ dial: (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new RefusalError('upstream_refused', 'aborted')))) })
    left.client.close(1000, '')
    await settle()
    expect(left.noted('dial_finished')).toEqual([{ type: 'dial_finished', leg: 1, outcome: 'given_up', service: undefined }])
  })

  it('needs nothing from the client, and sends it no event before session.created', async () => {
    const lab = openLab({ requestedModel: 'gpt-of-the-client' })
    lab.upstream.say({ type: 'session.created', event_id: 'e', session: { id: 'sess_1', instructions: 'default' } })
    expect(await lab.upstream.hear()).toMatchObject({ type: 'session.update', event_id: expect.stringMatching(/^relay_random0000_/) })
    expect(await lab.client.rest()).toEqual([])
    lab.upstream.say({
      type: 'session.updated',
      event_id: 'e',
      session: { id: 'sess_1', instructions: lab.owned.instructions, tools: lab.owned.tools.map((tool) => tool.definition) },
    })
    expect(await lab.client.hear()).toMatchObject({ type: 'session.created', session: { id: 'sess_1', model: 'gpt-of-the-client', instructions: '' } })
    expect(lab.noted('configured')).toHaveLength(1)
  })

  it('reads the upstream only once it is listening', async () => {
    const lab = openLab({ dial: never })
    lab.upstream.say({ type: 'session.created', session: {} })
    await settle()
    expect(lab.upstream.unread).toBe(1)
  })

  it('ends by the clock where the upstream stays silent', async () => {
    const lab = openLab()
    await lab.pass(9_750)
    expect(await lab.client.rest()).toEqual([])
    await lab.pass(500)
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'upstream_timeout' } })
    expect((await lab.client.closed).code).toBe(4504)
    expect((await lab.upstream.closed).code).toBe(1000)
  })

  it('ends by the clock where the dial never ends, and aborts it', async () => {
    const lab = openLab({ dial: never })
    await lab.pass(10_250)
    expect((await lab.client.closed).code).toBe(4504)
    expect(lab.dialled()?.signal.aborted).toBe(true)
  })

  it('goes no further on a session that is not what the server wants', async () => {
    const lab = openLab()
    lab.client.say({ type: 'response.create' })
    lab.upstream.say({ type: 'session.created', session: {} })
    await lab.upstream.hear()
    lab.upstream.say({ type: 'session.updated', session: { instructions: 'You are a helpful assistant.', tools: [] } })
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'upstream_refused' } })
    expect(await lab.client.closed).toEqual({ code: 4502, reason: 'upstream_refused: back_off' })
    expect(await lab.upstream.rest()).toEqual([])
    expect(lab.noted('session_closed')).toMatchObject([{ code: 'upstream_refused', why: 'configuration_not_in_force' }])
  })
})

describe('a dial that fails', () => {
  const failures: readonly (readonly [string, unknown, { code: number; reason: string }, string])[] = [
    ['refused', new RefusalError('upstream_refused', 'status_401'), { code: 4502, reason: 'upstream_refused: back_off' }, 'upstream_refused'],
    ['too slow', new RefusalError('upstream_timeout', 'dial'), { code: 4504, reason: 'upstream_timeout: back_off' }, 'upstream_timeout'],
    ['overloaded', new RefusalError('rate_limited', 'status_429', 6.2), { code: 4429, reason: 'rate_limited: back_off; retry after 7 s' }, 'rate_limited'],
    ['in a way nobody thought of', new TypeError('https://contoso.example/?key=sk-1'), { code: 4500, reason: 'internal: back_off' }, 'internal'],
  ]
  for (const [name, error, close, code] of failures) {
    it(`${name}: the client reads why and may come back accordingly`, async () => {
      const lab = openLab({ dial: () => Promise.reject(error) })
      const event = await lab.client.hear()
      expect(event).toMatchObject({ type: 'error', error: { code } })
      expect(JSON.stringify(event)).not.toMatch(/contoso|sk-1|status_/)
      if (code === 'rate_limited') expect(event).toMatchObject({ error: { message: 'Too much at once. Try again later. Retry after 7 s.' } })
      expect(await lab.client.closed).toEqual(close)
      expect(lab.ended()).toBe(1)
      expect(lab.relay.sessions.count).toBe(0)
      expect(lab.usage).toEqual([])
    })
  }

  it('OpenAI’s way, by an error after 101 and a close, says the same once', async () => {
    const lab = openLab()
    lab.upstream.say({ type: 'error', event_id: 'e', error: { type: 'invalid_request_error', code: 'invalid_api_key', message: 'Incorrect API key provided: sk-1***' } })
    lab.upstream.close(3000)
    const event = await lab.client.hear()
    expect(event).toMatchObject({ type: 'error', error: { code: 'upstream_refused' } })
    expect(JSON.stringify(event)).not.toContain('sk-1')
    expect((await lab.client.closed).code).toBe(4502)
    expect(await lab.client.rest()).toEqual([])
    expect(lab.ended()).toBe(1)
  })
})

describe('a client that leaves', () => {
  it('while dialling aborts the dial, and a connection that comes all the same is closed', async () => {
    let connected: () => void = () => {}
    const lab = openLab({
      dial: (_signal, connect) =>
        new Promise((resolve) => {
          connected = () => resolve(connect())
        }),
    })
    lab.client.close()
    await settle()
    expect(lab.dialled()?.signal.aborted).toBe(true)
    connected()
    expect((await lab.upstream.closed).code).toBe(1000)
    expect(lab.ended()).toBe(1)
    expect(lab.noted('session_closed')).toMatchObject([{ code: 'client_left' }])
  })

  it('while configuring ends the upstream too', async () => {
    const lab = openLab()
    lab.upstream.say({ type: 'session.created', session: {} })
    await lab.upstream.hear()
    lab.client.destroy()
    expect((await lab.upstream.closed).code).toBe(1000)
    expect(lab.ended()).toBe(1)
  })
})
