// Manners over real sockets, against the simulator: who speaks first, what silence brings, and that nobody is cut off in a goodbye.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { isObject } from '../../src/core/protocol/events.js'
import { canariesIn } from '../support/canaries.js'
import { connectClient, type RealtimeClient, type ReceivedEvent } from '../support/realtime-client.js'
import { INSTRUCTIONS, type RunningRelay, runRelay } from '../support/running-relay.js'

const GREETING = 'canary-greeting: welcome to Contoso.'
const QUESTION = 'canary-question: are you still there?'
const GOODBYE = 'canary-goodbye: I hear nobody.'
/** PCM16 at 24 kHz. */
const BYTES_PER_MS = 48

let running: RunningRelay | undefined
afterEach(async () => {
  await running?.close()
  running = undefined
})

async function start(
  manners: object,
  answers: readonly object[] = [{ reply: [{ say: 'Hm.' }] }],
  path = '/v1/realtime',
  env: Record<string, string> = {},
): Promise<RealtimeClient> {
  const folder = mkdtempSync(join(tmpdir(), 'manners-'))
  const profiles = join(folder, 'profiles.json')
  writeFileSync(profiles, JSON.stringify({ default: { manners } }))
  running = await runRelay({ env: { PROFILES_FILE: profiles, ...env }, simulator: { script: { answers } as never } })
  rmSync(folder, { recursive: true })
  return connectClient(`${running.wsUrl}${path}`, await running.token())
}

/** The instructions of the responses that were asked for, and what the tools of the session were called. */
function upstreamSaw(): { readonly asked: readonly string[]; readonly tools: readonly string[]; readonly items: string } {
  const events = running?.simulator.received.at(-1)?.events ?? []
  const asked = events.filter(({ type }) => type === 'response.create').map(({ response }) => (isObject(response) ? String(response.instructions ?? '') : ''))
  const session = events.find(({ type }) => type === 'session.update')?.session
  const tools = isObject(session) && Array.isArray(session.tools) ? session.tools.map((tool) => String(isObject(tool) && tool.name)) : []
  return { asked, tools, items: JSON.stringify(events.filter(({ type }) => type === 'conversation.item.create')) }
}

const spokenMs = (events: readonly ReceivedEvent[]) =>
  events.filter(({ type }) => type === 'response.output_audio.delta').reduce((ms, { delta }) => ms + Buffer.from(String(delta), 'base64').length / BYTES_PER_MS, 0)

function seesNothing(client: RealtimeClient): void {
  const frames = client.frames.join('\n')
  expect(canariesIn(frames)).toEqual([])
  expect(frames).not.toMatch(/canary-|hang_up|transfer_call|function_call|Keys pressed|dtmf/)
}

describe('the greeting', () => {
  it.each([
    ['GA', '/v1/realtime', {}],
    ['preview', '/openai/realtime?api-version=2024-10-01-preview&deployment=realtime', { AZURE_OPENAI_API_VERSION: '2025-04-01-preview' }],
  ])('is the first answer, and the client asked for nothing (%s)', async (_, path, env) => {
    const client = await start({ greeting: GREETING }, undefined, path, env)
    const done = await client.next('response.done')
    expect(done.response).toMatchObject({ status: 'completed' })
    expect(client.events[0]?.type).toBe('session.created')
    expect(upstreamSaw().asked).toEqual([expect.stringContaining(GREETING)])
    expect(upstreamSaw().asked[0]).toContain(INSTRUCTIONS)
    seesNothing(client)
    client.close()
  })

  it('comes before the answer to a client that asks at once', async () => {
    const client = await start({ greeting: GREETING })
    await client.next('session.created')
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello?' }] } })
    client.send({ type: 'response.create' })
    const first = await client.next('response.done')
    await client.next('response.done', { from: client.events.indexOf(first) + 1 })
    expect(upstreamSaw().asked).toEqual([expect.stringContaining(GREETING), ''])
    expect(client.events.filter(({ type }) => type === 'error')).toEqual([])
    client.close()
  })
})

it('silence brings a question, then a goodbye, which is heard to its end', async () => {
  const client = await start({ silence: { seconds: 1, question: QUESTION, times: 1, goodbye: GOODBYE } })
  await client.next('session.created')
  const question = await client.next('response.done', { ms: 10_000 })
  const at = client.events.length
  await client.next('response.created', { from: client.events.indexOf(question) + 1, ms: 10_000 })
  const since = performance.now()
  const { reason } = await client.closed()
  expect(reason).toMatch(/^session_over/)
  expect(performance.now() - since).toBeGreaterThan(spokenMs(client.events.slice(at)) - 100)
  expect(upstreamSaw().asked).toEqual([expect.stringContaining(QUESTION), expect.stringContaining(GOODBYE)])
  seesNothing(client)
}, 30_000)

describe('hanging up', () => {
  const ANSWERS = [
    { on: { says: 'goodbye' }, reply: [{ say: 'Goodbye, it was good to talk to you.' }, { call: { name: 'hang_up', arguments: {} } }] },
    { on: { says: 'enough' }, reply: [{ call: { name: 'hang_up', arguments: {} } }] },
    { reply: [{ say: 'So long.' }] },
  ]

  it('waits until the goodbye was heard', async () => {
    const client = await start({ hangUp: true }, ANSWERS)
    await client.next('session.created')
    const since = performance.now()
    const events = await client.ask('goodbye')
    const { reason } = await client.closed()
    expect(reason).toMatch(/^session_over/)
    expect(spokenMs(events)).toBeGreaterThan(1000)
    expect(performance.now() - since).toBeGreaterThan(spokenMs(events) - 100)
    seesNothing(client)
  }, 20_000)

  it('has the model say goodbye first', async () => {
    const client = await start({ hangUp: true, transferTo: { sales: '+15550100' } }, ANSWERS)
    await client.next('session.created')
    const events = await client.ask('enough')
    expect(JSON.stringify(events.at(-1))).toContain('So long.')
    expect((await client.closed()).reason).toMatch(/^session_over/)
    // Without a telephone there is nobody who could transfer.
    expect(upstreamSaw().tools).toContain('hang_up')
    expect(upstreamSaw().tools).not.toContain('transfer_call')
    seesNothing(client)
  }, 20_000)

  it('does not cut off a user who has something to say', async () => {
    const client = await start({ hangUp: true }, ANSWERS)
    await client.next('session.created')
    await client.ask('goodbye')
    const events = await client.ask('wait, one more thing')
    expect(JSON.stringify(events.at(-1))).toContain('So long.')
    expect(upstreamSaw().items).toContain('The user spoke before the end')
    // The next one is as good as the first.
    await client.ask('goodbye')
    expect((await client.closed()).reason).toMatch(/^session_over/)
  }, 20_000)
})

it('keys that come from the upstream reach the model if the profile says so, and no client', async () => {
  const key = (event: string) => ({ send: { type: 'input_audio_buffer.dtmf_event_received', event, received_at: 1 } })
  const client = await start({ keys: 'model' }, [{ on: { says: 'code' }, reply: [key('4'), key('2'), key('#'), { say: 'Thanks.' }] }, { reply: [{ say: 'Right.' }] }])
  await client.next('session.created')
  const first = await client.ask('my code is')
  await client.next('response.done', { from: client.events.indexOf(first.at(-1) as ReceivedEvent) + 1 })
  expect(upstreamSaw().items).toContain('Keys pressed: 4 2 #')
  seesNothing(client)
  client.close()
})
