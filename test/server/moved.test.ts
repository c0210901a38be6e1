// Clients that come back to another instance: the session moves through a real Redis, sealed; nothing is lost, doubled, run twice or readable.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { LogSink } from '../../src/ops/log-sink.js'
import { createRedisStore } from '../../src/store/redis/store.js'
import { connectClient } from '../support/realtime-client.js'
import { type OwnRedis, startRedis } from '../support/redis.js'
import { comeBack, enabled, type Returning, refusalOf } from '../support/returning.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'
import { orderProblems } from '../support/stream-order.js'

let redis: OwnRedis
let raw: Redis
let a: RunningRelay
let b: RunningRelay
let logs = ''
const releaseTools: (() => void)[] = []

const SPOKEN = JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' }, turn_detection: { type: 'server_vad' } } } })
const keepLine = (line: string): void => {
  logs += line
}
const sink = (): LogSink => ({ write: keepLine, dropped: 0, flush: async () => undefined })
const start = (env: Record<string, string> = {}) =>
  runRelay({
    simulator: { speed: 8, heardText: 'Tell me about the lighthouse.' },
    env: { REDIS_URL: redis.url, RESUME_STORE: 'redis', RESUME_SECONDS: '30', DRAIN_SECONDS: '8', LOG_LEVEL: 'debug', MAX_SESSIONS_PER_USER: '1', ...env },
    extras: { sink },
    toolAnswer: async () => {
      await new Promise<void>((resolve) => releaseTools.push(resolve))
      return { status: 200, body: 'sunny' }
    },
  })
const sharesRedis = (of: RunningRelay) =>
  vi.waitFor(async () => expect(await (await fetch(`${of.relay.url}/readyz`)).json()).toMatchObject({ checks: { limits: { status: 'ok' } } }), { timeout: 8000, interval: 20 })
const metric = async (of: RunningRelay, line: string) => (await (await fetch(`${of.relay.adminUrl}/metrics`)).text()).split('\n').find((one) => one.startsWith(line))
/** What the upstream of the relay was told last, in words. */
const toldTo = (of: RunningRelay) => JSON.stringify(of.simulator.conversations().at(-1)?.items)

beforeAll(async () => {
  redis = await startRedis()
  raw = new Redis(redis.url)
  a = await start()
  b = await start()
  await Promise.all([sharesRedis(a), sharesRedis(b)])
})
afterAll(async () => {
  for (const release of releaseTools) release()
  await Promise.all([a?.close(), b?.close()])
  raw?.disconnect()
  await redis?.stop()
})

const door = async (of: RunningRelay, subject: string) => ({ wsUrl: of.wsUrl, bearer: await of.token(subject, { relayEvents: true }) })
const open = async (of: RunningRelay, subject: string) => enabled(await door(of, subject))
const back = async (of: RunningRelay, subject: string, before: Pick<Returning, 'token' | 'received'>) => comeBack(await door(of, subject), before)

describe('a client that comes back to another instance', () => {
  it('finds its conversation there, and its place of one is free', async () => {
    const first = await open(a, 'idle')
    await first.ask('My boat is called Albatross.')
    await first.lose()
    const moved = await back(b, 'idle', first)
    expect(moved.greeting).toMatchObject({ cause: 'client', recovered: true, missed: 0, received: 2, seconds: 30 })
    expect((await moved.ask('What is it called?')).at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    expect(toldTo(b)).toContain('Albatross')
    expect(moved.client.events.filter(({ type }) => type === 'error' || type === 'session.created')).toEqual([])
    const twice = [...first.client.events, ...moved.client.events].map(({ event_id }) => event_id)
    expect(new Set(twice).size).toBe(twice.length)
    expect(await metric(b, 'relay_resumes_total{result="recovered",from="moved"}')).toMatch(/ [1-9]/)
    expect(await metric(a, 'relay_sessions_moved_total{why="asked"}')).toMatch(/ [1-9]/)
    // And on, and back again.
    await moved.lose()
    const again = await back(a, 'idle', moved)
    expect((await again.ask('And now?')).at(-1)).toMatchObject({ type: 'response.done' })
    expect(toldTo(a)).toContain('Albatross')
    again.client.close()
    // Three answers and one session, wherever they were.
    const day = new Date().toISOString().slice(0, 10)
    await expect.poll(async () => raw.hgetall(`relay:usage:{idle}:${day}`)).toMatchObject({ sessions: '1', responses: '3' })
    await expect.poll(() => raw.zcard('relay:lease:{idle}')).toBe(0)
  })

  it('in mid-answer: what it heard is closed, and the answer goes on', async () => {
    const first = await open(a, 'middle')
    first.say('Tell me about the lighthouse.')
    await first.client.next('response.output_audio.delta')
    await first.lose()
    const moved = await back(b, 'middle', first)
    const closed = await moved.client.next('response.done')
    expect(closed).toMatchObject({ response: { status: 'incomplete' } })
    const rest = await moved.client.next('response.done', { from: moved.client.events.indexOf(closed) + 1 })
    expect(rest).toMatchObject({ response: { status: 'completed' } })
    const all = [...first.client.events.filter(({ type }) => type !== 'relay.resume.ready'), ...moved.client.events.slice(1)]
    expect(orderProblems(all)).toEqual([])
    moved.client.close()
  })

  it('while a tool is at work: it is not run again, and the model knows that its outcome is unknown', async () => {
    const first = await open(a, 'tool')
    const before = a.toolRequests.length + b.toolRequests.length
    first.say('What is the weather in Bremen?')
    await expect.poll(() => a.toolRequests.length + b.toolRequests.length).toBe(before + 1)
    await first.lose()
    const moved = await back(b, 'tool', first)
    expect(await moved.client.next('response.done')).toMatchObject({ response: { status: 'completed' } })
    expect(toldTo(b)).toContain('Its outcome is unknown')
    for (const release of releaseTools.splice(0)) release()
    expect((await moved.ask('Thank you.')).at(-1)).toMatchObject({ type: 'response.done' })
    expect(a.toolRequests.length + b.toolRequests.length).toBe(before + 1)
    moved.client.close()
  })

  it('although its socket is still open: the last one to come has the session', async () => {
    const first = await open(a, 'open')
    const moved = await back(b, 'open', first)
    expect(await first.client.closed()).toEqual({ code: 4409, reason: 'superseded: stop' })
    expect((await moved.ask('Hello?')).at(-1)).toMatchObject({ type: 'response.done' })
    moved.client.close()
  })

  it('with its own tools, whose calls it still answers', async () => {
    const first = await open(a, 'client-tool')
    first.say('Show "Land ahoy" on screen')
    const call = await first.client.next('response.function_call_arguments.done')
    await first.client.next('response.done')
    await first.lose()
    const moved = await back(b, 'client-tool', first)
    moved.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call.call_id, output: 'shown' } })
    moved.send({ type: 'response.create' })
    expect(await moved.client.next('response.done')).toMatchObject({ response: { status: 'completed' } })
    expect(moved.client.events.filter(({ type }) => type === 'error')).toEqual([])
    moved.client.close()
  })
})

describe('attempts that cross', () => {
  it('at two instances at once: one has the session, and it goes on', async () => {
    const first = await open(a, 'crossing')
    await first.ask('My boat is called Albatross.')
    await first.lose()
    const c = await start()
    await sharesRedis(c)
    const came = await Promise.allSettled([back(b, 'crossing', first), back(c, 'crossing', first)])
    const [winner] = came.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const still = winner && winner.client.socket.readyState === 1 ? winner : await back(a, 'crossing', first)
    expect((await still.ask('What is it called?')).at(-1)).toMatchObject({ type: 'response.done' })
    still.client.close()
    await c.close()
  })

  it('at one instance at once: the last one has the session', async () => {
    const first = await open(a, 'twice')
    await first.ask('My boat is called Albatross.')
    await first.lose()
    const came = await Promise.all([back(b, 'twice', first), back(b, 'twice', first)])
    const [last] = came.toSorted((one, other) => Number(String(other.greeting.event_id).split('_').at(-1)) - Number(String(one.greeting.event_id).split('_').at(-1)))
    expect((await last?.ask('What is it called?'))?.at(-1)).toMatchObject({ type: 'response.done' })
    expect(toldTo(b)).toContain('Albatross')
    last?.client.close()
  })

  it('at an instance that is full leave the session where it is', async () => {
    const c = await start({ MAX_SESSIONS: '1' })
    await sharesRedis(c)
    const filling = await open(c, 'filling')
    const first = await open(a, 'full')
    await first.ask('My boat is called Albatross.')
    await first.lose()
    expect(await refusalOf(back(c, 'full', first))).toBe('429 too_many_sessions')
    const again = await back(a, 'full', first)
    expect(again.greeting).toMatchObject({ recovered: true })
    again.client.close()
    filling.client.close()
    await c.close()
  })

  it('that are refused for another reason are let in later, here or elsewhere', async () => {
    const many = await start({ MAX_SESSIONS_PER_USER: '5' })
    await sharesRedis(many)
    const [first, ...others] = [await open(a, 'crowded'), await open(many, 'crowded'), await open(many, 'crowded')]
    await first.ask('My boat is called Albatross.')
    await first.lose()
    // It is brought there, and its user has no place.
    expect(await refusalOf(back(b, 'crowded', first))).toBe('429 too_many_sessions')
    expect(await refusalOf(back(b, 'crowded', first))).toBe('429 too_many_sessions')
    expect(await refusalOf(back(b, 'mallory', first))).toBe('410 resume_unknown')
    const moved = await back(many, 'crowded', first)
    expect((await moved.ask('What is it called?')).at(-1)).toMatchObject({ type: 'response.done' })
    expect(toldTo(many)).toContain('Albatross')
    for (const { client } of [moved, ...others]) client.close()
    await many.close()
  })
})

describe('a session that another instance has by now', () => {
  it('is handed over although its owner has found that out before it was asked', async () => {
    const tester = createRedisStore({ url: new Secret(redis.url), keyPrefix: 'relay:', usageRetentionDays: 1, instance: 'tester' })
    const { keeper } = tester
    await vi.waitFor(async () => expect(await tester.health()).toMatchObject({ status: 'ok' }))
    const first = await open(a, 'ahead')
    await first.ask('My boat is called Albatross.')
    const [id = '', secret = ''] = first.token.split('.')
    const subject = String(await raw.hget(`relay:resume:{${id}}`, 'subject'))
    const claimed = await keeper?.claim({ id, proof: createHash('sha256').update(secret).digest('hex'), subject })
    expect(claimed).toMatchObject({ epoch: 2 })
    // The tool has it ask.
    first.say('What is the weather in Bremen?')
    expect((await first.client.closed()).code).toBe(4409)
    expect(await keeper?.ask(claimed?.owner ?? '', { id, epoch: 2, received: 0 })).toBe(true)
    await expect.poll(async () => (await keeper?.take(id, 2))?.length ?? 0).toBeGreaterThan(1000)
    await tester.close(1000)
  })

  it('starts no tool: it is asked before, and ends', async () => {
    const first = await open(a, 'fenced')
    await first.ask('Hello.')
    const before = a.toolRequests.length
    await raw.hset(`relay:resume:{${first.token.split('.')[0]}}`, 'epoch', '7', 'owner', 'another')
    first.say('What is the weather in Bremen?')
    expect((await first.client.closed()).code).toBe(4409)
    expect(a.toolRequests.length).toBe(before)
  })

  it('does not let its client back, who finds it elsewhere or not at all', async () => {
    const first = await open(a, 'stale')
    await first.lose()
    await raw.hset(`relay:resume:{${first.token.split('.')[0]}}`, 'epoch', '7', 'owner', 'another')
    expect(await refusalOf(back(a, 'stale', first))).toBe('410 resume_unknown')
  })
})

describe('nobody else comes back', () => {
  it('with a guessed, foreign, used or replayed token, and no log has one', async () => {
    const first = await open(a, 'guarded')
    await first.ask('The password is swordfish.')
    await first.lose()
    const [id = '', secret = ''] = first.token.split('.')
    const with_ = (token: string) => ({ token, received: first.received })
    const other = `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`
    expect(await refusalOf(back(b, 'guarded', with_(`${id}.${other}`)))).toBe('410 resume_unknown')
    expect(await refusalOf(back(b, 'guarded', with_(`${'A'.repeat(22)}.${secret}`)))).toBe('410 resume_unknown')
    expect(await refusalOf(back(b, 'mallory', with_(first.token)))).toBe('410 resume_unknown')
    const moved = await back(b, 'guarded', first)
    await moved.ask('Still there?')
    // It has spoken with the new token, so the one before is used, wherever it is shown.
    await expect.poll(() => refusalOf(back(a, 'guarded', first))).toBe('410 resume_unknown')
    expect(await refusalOf(back(b, 'guarded', first))).toBe('410 resume_unknown')
    moved.client.close()
    await moved.client.closed()
    await expect.poll(() => refusalOf(back(a, 'guarded', moved))).toBe('410 resume_unknown')
    for (const token of [first.token, moved.token]) expect(logs).not.toContain(token.split('.')[1])
    expect(logs).toContain('upgrade refused')
  })

  it('and what lies in Redis says nothing', async () => {
    const snapshots = await start({ RESUME_SNAPSHOTS: 'true' })
    await sharesRedis(snapshots)
    const first = await open(snapshots, 'secretive')
    const answer = JSON.stringify(await first.ask('My boat is called Albatross.'))
    await expect.poll(async () => (await raw.keys('*:snapshot')).length).toBeGreaterThan(0)
    const closing = snapshots.close()
    expect(await first.client.closed()).toEqual({ code: 1012, reason: 'draining: reconnect' })
    const keys = await raw.keys('*')
    expect(keys.filter((key) => /resume:.*:export/.test(key)).length).toBeGreaterThan(0)
    const values = await Promise.all(
      keys.map(async (key) => ((await raw.type(key)) === 'string' ? (await raw.getBuffer(key))?.toString('latin1') : JSON.stringify(await raw.hgetall(key).catch(() => '')))),
    )
    const all = `${keys.join()} ${values.join()}`
    const spoken = [...answer.matchAll(/"transcript":"([^"]{12,})"/g)].map(([, words]) => words ?? '')
    expect(spoken.length).toBeGreaterThan(0)
    for (const word of ['Albatross', 'boat', 'lighthouse', first.token.split('.')[1] ?? '?', ...spoken]) expect(all).not.toContain(word)
    await closing
  })
})

describe('a drain', () => {
  it('moves a session at a quiet point: its client is told, closed with 1012, and goes on elsewhere', async () => {
    const leaving = await start()
    await sharesRedis(leaving)
    const first = await open(leaving, 'drained')
    first.say('My boat is called Albatross. Tell me about the lighthouse.')
    await first.client.next('response.output_audio.delta')
    const closing = leaving.close()
    expect(await first.client.next('relay.draining')).toMatchObject({ resume: true })
    expect(await first.client.next('response.done')).toMatchObject({ response: { status: 'completed' } })
    expect(await first.client.closed()).toEqual({ code: 1012, reason: 'draining: reconnect' })
    expect(first.client.events.filter(({ type }) => type === 'error')).toEqual([])
    const moved = await back(b, 'drained', first)
    expect(moved.greeting).toMatchObject({ recovered: true, missed: 0 })
    expect((await moved.ask('And now?')).at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    expect(toldTo(b)).toContain('Albatross')
    moved.client.close()
    await closing
  })

  it('moves a session whose client is away, too', async () => {
    const leaving = await start()
    await sharesRedis(leaving)
    const first = await open(leaving, 'away')
    await first.ask('My boat is called Albatross.')
    await first.lose()
    await leaving.close()
    const moved = await back(b, 'away', first)
    expect((await moved.ask('And now?')).at(-1)).toMatchObject({ type: 'response.done' })
    moved.client.close()
  })

  it('moves a caller who keeps sending audio, between two sentences, and hears the next one elsewhere', async () => {
    const leaving = await start({ SESSION: SPOKEN })
    await sharesRedis(leaving)
    const listening = await start({ SESSION: SPOKEN })
    await sharesRedis(listening)
    const first = await open(leaving, 'speaking')
    for (const audio of appendable(tone(600), silence(900))) first.send({ type: 'input_audio_buffer.append', audio })
    await first.client.next('conversation.item.input_audio_transcription.completed')
    await first.client.next('response.done')
    const mic = setInterval(() => first.send({ type: 'input_audio_buffer.append', audio: silence(20).toString('base64') }), 20)
    const closing = leaving.close()
    expect((await first.client.closed()).code).toBe(1012)
    clearInterval(mic)
    const moved = await back(listening, 'speaking', first)
    expect(Number(moved.greeting.received)).toBeGreaterThan(0)
    for (const audio of appendable(tone(600), silence(900))) moved.send({ type: 'input_audio_buffer.append', audio })
    expect(await moved.client.next('response.done')).toMatchObject({ response: { status: 'completed' } })
    expect(moved.client.events.filter(({ type }) => type === 'input_audio_buffer.speech_started')).toHaveLength(1)
    moved.client.close()
    await Promise.all([closing, listening.close()])
  })

  it('cuts an answer that does not end, and lets it go on elsewhere', async () => {
    const leaving = await start({ DRAIN_SECONDS: '4' })
    await sharesRedis(leaving)
    const first = await open(leaving, 'endless')
    leaving.simulator.setFaults({ slowMs: 60_000 })
    first.say('Tell me about the lighthouse.')
    await first.client.next('conversation.item.done')
    const closing = leaving.close()
    expect((await first.client.closed()).code).toBe(1012)
    const moved = await back(b, 'endless', first)
    expect(await moved.client.next('response.done')).toMatchObject({ response: { status: 'completed' } })
    moved.client.close()
    await closing
  })

  it('ends other sessions as ever', async () => {
    const leaving = await start()
    await sharesRedis(leaving)
    const plain = await open(leaving, 'plain')
    plain.client.close()
    const client = await connectClient(`${leaving.wsUrl}/v1/realtime`, await leaving.token('plain', { relayEvents: true }))
    await client.next('session.created')
    const closing = leaving.close()
    expect(await client.next('relay.draining')).not.toHaveProperty('resume')
    await once(client.socket, 'close')
    expect(client.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'draining' } })
    await closing
  })
})
