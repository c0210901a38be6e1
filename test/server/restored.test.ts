// A lost upstream is replaced within the session: at whatever event it was killed, the client's turn is answered and nothing is lost or doubled.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { PartLane } from '../../src/relay/part-lane.js'
import type { SessionEnd } from '../../src/simulator/simulator.js'
import { HEARD, type Kill, killedTurn, placesOf, type TurnKind } from '../chaos/killed-turn.js'
import { connectClient } from '../support/realtime-client.js'
import { API_KEY, DEPLOYMENT, type RunningOptions, type RunningRelay, runRelay } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'
import { orderProblems } from '../support/stream-order.js'

const ENV = { SESSION: JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } }), MESSAGES_PER_SECOND: '10000', RESPONSES_PER_MINUTE: '10000' }

const NO_AZURE = { AZURE_OPENAI_ENDPOINT: '', AZURE_OPENAI_DEPLOYMENT: '', AZURE_OPENAI_API_KEY: '' }

let running: RunningRelay
beforeAll(async () => {
  running = await runRelay({ simulator: { heardText: HEARD, control: {} }, env: ENV })
})
afterAll(() => running.close())

const HOW: readonly Pick<Kill, 'how' | 'code'>[] = [{ how: 'rst' }, { how: 'fin' }, { how: 'close', code: 1001 }, { how: 'close', code: 1011 }]

describe.each<TurnKind>(['text', 'tool', 'client tool', 'spoken', 'by hand'])('an upstream that is killed in a %s turn', (kind) => {
  it('at any event: the turn is answered, and nothing is lost or doubled', async () => {
    const all = await placesOf(running, kind)
    const first = (type: string) => all.findIndex((place) => place.type === type)
    // Of deltas the first and one in the middle; `npm run test:chaos` takes every one.
    const places = all.filter((place, at) => !place.type.endsWith('.delta') || at === first(place.type) || place.nth === (all[first(place.type)]?.nth ?? 0) + 4)
    expect(places.length).toBeGreaterThan(8)
    const failures: string[] = []
    for (const [at, place] of places.entries()) {
      const how = HOW[at % HOW.length] as Pick<Kill, 'how' | 'code'>
      const { problems, killed, unheard } = await killedTurn(running, kind, { ...how, ...place })
      if (!killed) failures.push(`${place.type} ${place.nth}: never killed`)
      if (unheard) failures.push(`${place.type} ${place.nth}: had to be said again`)
      for (const problem of problems) failures.push(`${how.how} at ${place.type} ${place.nth}: ${problem}`)
    }
    expect(failures).toEqual([])
  }, 120_000)
})

it.each<[string, NonNullable<RunningOptions['env']>]>([
  ['preview', { ...ENV, AZURE_OPENAI_API_VERSION: '2025-04-01-preview' }],
  ['Voice Live', (endpoint) => ({ ...ENV, ...NO_AZURE, UPSTREAMS: JSON.stringify([{ name: 'vl', provider: 'voice-live', endpoint, deployment: DEPLOYMENT, apiKey: API_KEY }]) })],
])(
  'and so it is over an upstream that speaks %s',
  async (_name, env) => {
    const preview = await runRelay({ simulator: { control: {} }, env })
    const failures: string[] = []
    for (const kind of ['text', 'tool'] as const) {
      const places = (await placesOf(preview, kind)).filter(({ type }, at) => !type.endsWith('.delta') || at % 8 === 0)
      for (const place of places) {
        const { problems, killed } = await killedTurn(preview, kind, { how: 'rst', ...place })
        if (!killed) failures.push(`${place.type} ${place.nth}: never killed`)
        for (const problem of problems) failures.push(`${kind}, ${place.type} ${place.nth}: ${problem}`)
      }
    }
    await preview.close()
    expect(failures).toEqual([])
  },
  60_000,
)

describe('a session', () => {
  let own: RunningRelay
  afterEach(() => own.close())
  const start = async (options: RunningOptions, claims = {}) => {
    own = await runRelay(options)
    const client = await connectClient(`${own.wsUrl}/v1/realtime`, await own.token('alice', claims))
    await client.next('session.created')
    return client
  }
  const anotherUpstream = () => vi.waitFor(() => expect(own.simulator.received.length).toBe(2), { timeout: 10_000, interval: 20 })
  const metrics = async () => (await fetch(`${own.relay.adminUrl}/metrics`)).text()

  it.each<SessionEnd>(['error-close', 'close-error', 'error', 'close'])('outlives the longest session of its upstream, told by %s', async (sessionEnd) => {
    const client = await start({ simulator: { sessionSeconds: 0.7, sessionEnd } })
    await client.ask('My name is Ada')
    await anotherUpstream()
    expect((await client.ask('Are you well?')).at(-1)).toMatchObject({ response: { status: 'completed' } })
    expect(client.events.filter(({ type }) => type === 'error')).toEqual([])
    expect(orderProblems(client.events)).toEqual([])
    client.close()
    await client.closed()
  })

  it('whose upstream falls silent in mid-answer goes on within seconds, and says so to those who asked', async () => {
    const client = await start({ simulator: { faults: { end: { how: 'silence', at: 'event', type: 'response.output_audio.delta', nth: 3, times: 1 } } } }, { relayEvents: true })
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Tell me of the sea' }] } })
    client.send({ type: 'response.create' })
    expect(await client.next('relay.resumed', { ms: 9000 })).toMatchObject({ cause: 'upstream', cut: 'broken' })
    await client.next((event) => event.type === 'response.done' && (event.response as { status: string }).status === 'completed')
    expect(orderProblems(client.events)).toEqual([])
    const text = await metrics()
    expect(text).toContain('relay_upstream_losses_total{cause="silent",during="answer"} 1')
    expect(text).toContain('relay_restores_total{result="restored"} 1')
    expect(text).toContain('relay_cut_answers_total{outcome="broken"} 1')
    client.close()
    await client.closed()
  }, 20_000)

  it.each([
    ['response.content_part.added', 2],
    ['response.output_audio.delta', 12],
    ['response.output_audio.done', 2],
    ['response.output_audio_transcript.done', 2],
    ['response.content_part.done', 2],
  ])('whose upstream is lost at a %s that passed unread closes what it opened', async (type, nth) => {
    const kept = vi.spyOn(PartLane.prototype, 'keep')
    const client = await start({ simulator: { faults: { end: { how: 'rst', at: 'event', type, nth, times: 1 } } } })
    expect((await client.ask('Good morning to you')).at(-1)).toMatchObject({ response: { status: 'completed' } })
    const from = client.events.length
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'And a good day' }] } })
    client.send({ type: 'response.create' })
    await client.next((event) => event.type === 'response.done' && (event.response as { status: string }).status === 'completed', { from, ms: 9000 })
    expect(own.simulator.received).toHaveLength(2)
    expect(kept.mock.calls.length).toBeGreaterThan(0)
    expect(orderProblems(client.events)).toEqual([])
    client.close()
    await client.closed()
  })

  it('moves to a fresh upstream before the present one is over: nothing is lost, and nothing is seen', async () => {
    const client = await start({ simulator: { sessionSeconds: 50 }, env: { ...ENV, UPSTREAM_SESSION_SECONDS: '3' } }, { relayEvents: true })
    for (const dials of [2, 3]) {
      const events = await client.ask('Are you well?')
      expect(events.at(-1)).toMatchObject({ response: { status: 'completed' } })
      // Quiet until the next leg is dialled, the second time from the leg that the session has moved to.
      await expect.poll(() => own.simulator.received.length, { timeout: 10_000 }).toBe(dials)
    }
    const answer = await client.ask('Good night')
    expect(JSON.stringify(answer)).toContain('You said: Good night.')
    expect(client.events.filter(({ type }) => type === 'error' || type === 'relay.resumed')).toEqual([])
    expect(orderProblems(client.events)).toEqual([])
    const text = await metrics()
    expect(text).toMatch(/relay_rollovers_total\{result="(quiet|forced)"\} [12]\n/)
    expect(text).not.toMatch(/^relay_upstream_losses_total\{.*\} [^0]/m)
    // The last one may be a next leg that waits for its time.
    const present = own.simulator.conversations().find(({ items }) => JSON.stringify(items).includes('Good night'))
    const kept = present?.items.filter((item) => item.role === 'user').length
    expect(kept).toBe(client.events.filter((event) => event.type === 'conversation.item.added' && (event.item as { role: string }).role === 'user').length)
    client.close()
    await client.closed()
  }, 30_000)

  it('whose next upstreams are lost as well, before they know the conversation, goes on over the one that stays', async () => {
    const client = await start({})
    await client.ask('My name is Ada')
    own.simulator.setFaults({ end: { how: 'rst', at: 'event', type: 'conversation.item.added', nth: 3, times: 3 } })
    const from = client.events.length
    await client.ask('Are you well?')
    await client.next((event) => event.type === 'response.done' && (event.response as { status: string }).status === 'completed', { from })
    expect(own.simulator.received.length).toBe(4)
    expect(client.events.filter(({ type }) => type === 'error')).toEqual([])
    expect(orderProblems(client.events)).toEqual([])
    expect(await metrics()).toContain('relay_restores_total{result="restored"} 1')
    client.close()
    await client.closed()
  })

  it('whose upstream cannot be dialled again ends as it would have, once its time is over', async () => {
    const client = await start({ env: { UPSTREAM_RECONNECT_SECONDS: '1' } })
    own.simulator.setFaults({ refuse: { status: 503 }, end: { how: 'rst', at: 'now' } })
    const began = performance.now()
    expect(await client.closed()).toEqual({ code: 4502, reason: 'upstream_lost: back_off' })
    expect(performance.now() - began).toBeLessThan(3000)
    expect(client.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'upstream_lost' } })
    expect(await metrics()).toContain('relay_restores_total{result="failed"} 1')
    await vi.waitFor(async () => expect(await metrics()).toContain('\nrelay_sessions 0\n'), { timeout: 5000, interval: 20 })
  })

  it('keeps what its client had set, and the ids of the session', async () => {
    const client = await start({})
    client.send({ type: 'session.update', session: { type: 'realtime', audio: { output: { voice: 'cedar' }, input: { turn_detection: null } } } })
    const before = await client.next('session.updated')
    own.simulator.setFaults({ end: { how: 'fin', at: 'now', times: 1 } })
    await anotherUpstream()
    const from = client.events.length
    client.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } })
    const after = await client.next('session.updated', { from })
    expect(after.session).toMatchObject({ id: (before.session as { id: string }).id, audio: { output: { voice: 'cedar' }, input: { turn_detection: null } } })
    client.close()
    await client.closed()
  })

  it.each(['speech_started', 'speech_stopped', 'committed'])('lets the next upstream hear all that was said before %s', async (type) => {
    const turns: Buffer[] = []
    const hear = (pcm: Buffer) => {
      turns.push(pcm)
      return 'How is the sea today?'
    }
    const client = await start({ simulator: { hear, faults: { end: { how: 'rst', at: 'event', type: `input_audio_buffer.${type}`, nth: 2, times: 1 } } }, env: ENV })
    for (const times of [1, 2]) {
      const from = client.events.length
      // A microphone's pace, twenty times as fast: what is said reaches the upstream before the next second of it is.
      for (const audio of appendable(silence(400), tone(1500), silence(1500))) {
        client.send({ type: 'input_audio_buffer.append', audio })
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await client.next('response.done', { from })
      await client.next('conversation.item.input_audio_transcription.completed', { from })
      const heard = turns.at(-1) as Buffer
      const samples = Array.from({ length: heard.length / 2 }, (_, at) => Math.abs(heard.readInt16LE(at * 2)))
      // The tone has no pause: from its first loud sample to its last are its 1500 ms.
      const lengthMs = (samples.findLastIndex((one) => one > 300) - samples.findIndex((one) => one > 300)) / 24
      expect([times, Math.round(lengthMs / 10) * 10]).toEqual([times, 1500])
      const started = client.events.slice(from).filter((event) => event.type === 'input_audio_buffer.speech_started')
      const stopped = client.events.slice(from).filter((event) => event.type === 'input_audio_buffer.speech_stopped')
      expect([started.length, stopped.length]).toEqual([1, 1])
      // The client's clock runs on: 3400 ms a turn, and the voice detection's prefix of 300 ms.
      expect(Math.abs(Number(started[0]?.audio_start_ms) - (times - 1) * 3400 - 100)).toBeLessThan(70)
      expect(Number(stopped[0]?.audio_end_ms)).toBeGreaterThan((times - 1) * 3400 + 1900)
    }
    expect(own.simulator.received.length).toBe(2)
    expect(orderProblems(client.events)).toEqual([])
    client.close()
    await client.closed()
    await vi.waitFor(async () => expect(await metrics()).toContain('relay_kept_audio_bytes 0'), { timeout: 5000, interval: 20 })
  })

  it('goes on speaking, although its new model would rather write', async () => {
    const client = await start({ simulator: { driftToText: true } })
    await client.ask('My name is Ada')
    own.simulator.setFaults({ end: { how: 'rst', at: 'now', times: 1 } })
    await anotherUpstream()
    const answer = await client.ask('Are you well?')
    expect(answer.at(-1)).toMatchObject({ response: { status: 'completed' } })
    expect(answer.some(({ type }) => type === 'response.output_audio.delta')).toBe(true)
    expect(JSON.stringify(answer)).toContain('You said: Are you well?')
    expect(client.events.filter(({ type }) => type.startsWith('response.output_text') || type === 'error')).toEqual([])
    expect(orderProblems(client.events)).toEqual([])
    expect(await metrics()).toContain('relay_text_drifts_total 1')
    const told = own.simulator.conversations().at(-1)?.items ?? []
    expect(told.map(({ role }) => role)).toEqual(['system', 'system', 'user', 'assistant'])
    expect(JSON.stringify(told[0])).toContain('User: My name is Ada')
    client.close()
    await client.closed()
  })

  it('shows operators what it has been through', async () => {
    const client = await start({})
    own.simulator.setFaults({ end: { how: 'fin', at: 'now', times: 1 } })
    await anotherUpstream()
    await client.ask('My name is Ada')
    const headers = { authorization: `Bearer ${await own.token('operator', { scope: 'relay:admin' })}` }
    const text = await (await fetch(`${own.relay.adminUrl}/v1/admin/sessions`, { headers })).text()
    expect(JSON.parse(text)).toMatchObject({ sessions: [{ subject: 'alice', legs: 2, losses: 1, restores: 1, rollovers: 0 }] })
    expect(text).not.toContain('Ada')
    expect(await metrics()).toMatch(/relay_conversation_bytes [1-9]/)
    client.close()
    await client.closed()
  })

  it('books what a cut answer used as an estimate, and what follows as it is told', async () => {
    const client = await start({ simulator: { faults: { end: { how: 'rst', at: 'response', afterDeltas: 3, times: 1 } } } })
    const from = client.events.length
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Tell me of the sea' }] } })
    client.send({ type: 'response.create' })
    await client.next((event) => event.type === 'response.done' && (event.response as { status: string }).status === 'completed', { from })
    client.close()
    await client.closed()
    const usage = await vi.waitFor(async () => {
      const text = await metrics()
      expect(text).toMatch(/relay_tokens_total\{profile="default",kind="output"\} \d+/)
      return text
    })
    expect(Number(/relay_tokens_total\{profile="default",kind="output"\} (\d+)/.exec(usage)?.[1])).toBeGreaterThan(4096)
  })
})
