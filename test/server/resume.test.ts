// Clients that lose their socket and come back to their session, over real sockets: nothing lost, nothing doubled, and nobody else gets in.
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { resuming } from '../../src/browser/resuming.js'
import type { ServerEvents } from '../../src/events/events.js'
import { connectClient, type RealtimeClient, Refused } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

let running: RunningRelay
let releaseTool: () => void = () => undefined
beforeAll(async () => {
  running = await runRelay({
    // A spoken answer takes half a second, so that a socket can be lost in the middle of one.
    simulator: { speed: 8 },
    env: { MAX_SESSIONS_PER_USER: '2', RESUME_SECONDS: '30' },
    toolAnswer: async () => {
      await new Promise<void>((resolve) => {
        releaseTool = resolve
      })
      return { status: 200, body: 'sunny' }
    },
  })
})
afterAll(() => running.close())

const url = () => `${running.wsUrl}/v1/realtime`
const tokenOf = (subject: string) => running.token(subject, { relayEvents: true })

interface Kept {
  readonly client: RealtimeClient
  token: string
}

async function enabled(subject: string): Promise<Kept> {
  const client = await connectClient(url(), await tokenOf(subject))
  await client.next('session.created')
  client.send({ type: 'relay.resume.enable' })
  const ready = await client.next('relay.resume.ready')
  expect(ready.seconds).toBe(30)
  return { client, token: String(ready.token) }
}

/** Messages since `relay.resume.ready`, or since the greeting of a return. */
function counted({ frames }: RealtimeClient): string[] {
  return frames.slice(frames.findIndex((frame) => /^\{"type":"relay\.resum(e\.ready|ed)"/.test(frame)) + 1)
}

async function lose({ client }: Kept): Promise<void> {
  client.socket.terminate()
  await once(client.socket, 'close')
}

const back = async (subject: string, token: string, received: number, header = false) =>
  connectClient(
    url(),
    await tokenOf(subject),
    header ? { headers: { 'x-relay-resume': `${token}.${received}` } } : { protocols: ['realtime', `relay-resume.${token}.${received}`] },
  )

const say = (client: RealtimeClient, text: string) => {
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
  client.send({ type: 'response.create' })
}

const refusal = (attempt: Promise<RealtimeClient>) =>
  attempt.then(
    () => 'let in',
    (error: unknown) => (error instanceof Refused ? `${error.status} ${(JSON.parse(error.body) as { error: { code: string } }).error.code}` : String(error)),
  )

describe('a client that comes back', () => {
  it.each([false, true])('hears the rest of the answer that was under way, byte for byte (header: %s)', async (header) => {
    const kept = await enabled(`rest-${header}`)
    say(kept.client, 'Tell me about the lighthouse.')
    await kept.client.next('response.output_audio.delta')
    await lose(kept)
    const before = counted(kept.client)
    // What the client has, but for the last two messages: those it says it never got.
    const returned = await back(`rest-${header}`, kept.token, before.length - 2, header)
    expect(returned.subprotocol).toBe(header ? '' : 'realtime')
    const greeting = await returned.next('relay.resumed')
    expect(returned.events[0]).toBe(greeting)
    expect(greeting).toEqual({
      type: 'relay.resumed',
      event_id: expect.any(String),
      cause: 'client',
      recovered: true,
      missed: expect.any(Number),
      sent: expect.any(Number),
      received: 2,
      token: expect.any(String),
      seconds: 30,
    } satisfies ServerEvents['relay.resumed'])
    const done = await returned.next('response.done')
    const after = counted(returned)
    expect(after.slice(0, 2)).toEqual(before.slice(-2))
    const whole = [...before.slice(0, -2), ...after].map((frame) => JSON.parse(frame) as { type: string; event_id: string; delta?: string })
    expect(new Set(whole.map((event) => event.event_id)).size).toBe(whole.length)
    const said = whole.flatMap((event) => (event.type === 'response.output_audio_transcript.delta' ? [event.delta] : [])).join('')
    expect(JSON.stringify(done.response)).toContain(JSON.stringify(said))
    expect(whole.filter(({ type }) => type === 'session.created' || type === 'error')).toEqual([])
    expect((await returned.ask('And now?')).at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    returned.close()
  })

  it('comes back again and again, each time with a new token', async () => {
    const kept = await enabled('often')
    await lose(kept)
    let { token } = kept
    for (let round = 0; round < 3; round++) {
      const returned = await back('often', token, 0)
      const greeting = await returned.next('relay.resumed')
      expect(greeting.token).not.toBe(token)
      token = String(greeting.token)
      await lose({ client: returned, token })
    }
    const last = await back('often', token, 0)
    expect((await last.ask('Hello?')).at(-1)).toMatchObject({ type: 'response.done' })
    last.close()
  })

  it('may use the token before once more, if the answer to its return was lost', async () => {
    const kept = await enabled('lost-answer')
    await lose(kept)
    const first = await back('lost-answer', kept.token, 0)
    await first.next('relay.resumed')
    first.socket.terminate()
    const second = await back('lost-answer', kept.token, 0)
    await second.next('relay.resumed')
    // It speaks, so it has the new token: the one before is spent.
    expect((await second.ask('Hello?')).at(-1)).toMatchObject({ type: 'response.done' })
    expect(await refusal(back('lost-answer', kept.token, 0))).toBe('410 resume_unknown')
    second.close()
  })

  it('finds the result of a tool that ran meanwhile; the tool ran once', async () => {
    const kept = await enabled('tools')
    const before = running.toolRequests.length
    say(kept.client, 'What is the weather in Bremen?')
    await expect.poll(() => running.toolRequests.length).toBe(before + 1)
    await lose(kept)
    releaseTool()
    const returned = await back('tools', kept.token, counted(kept.client).length)
    expect(await returned.next('response.done')).toMatchObject({ response: { status: 'completed' } })
    expect(running.toolRequests.length).toBe(before + 1)
    returned.close()
  })

  it('gets the items if it missed more than is kept', async () => {
    const small = await runRelay({ env: { RESUME_BUFFER_BYTES: '16384' } })
    try {
      const token = await small.token('overrun', { relayEvents: true })
      const client = await connectClient(`${small.wsUrl}/v1/realtime`, token)
      await client.next('session.created')
      client.send({ type: 'relay.resume.enable' })
      const ready = await client.next('relay.resume.ready')
      await client.ask('Say something long.')
      client.socket.terminate()
      await once(client.socket, 'close')
      const returned = await connectClient(`${small.wsUrl}/v1/realtime`, token, { protocols: ['realtime', `relay-resume.${ready.token}.0`] })
      const sent = counted(client).length
      expect(await returned.next('relay.resumed')).toMatchObject({ recovered: false, missed: null, sent, received: 2 })
      await returned.next('conversation.item.done', { from: 3 })
      const items = returned.events.flatMap(({ type, item }) => (type === 'conversation.item.added' ? [item as { role: string; content: { text: string }[] }] : []))
      expect(items.map(({ role }) => role)).toEqual(['user', 'assistant'])
      expect(items[0]?.content[0]?.text).toBe('Say something long.')
      expect(items[1]?.content[0]?.text).not.toBe('')
      expect((await returned.ask('And now?')).at(-1)).toMatchObject({ type: 'response.done' })
      returned.close()
    } finally {
      await small.close()
    }
  })

  it('takes the session over from a socket that is still open', async () => {
    const kept = await enabled('twice')
    const returned = await back('twice', kept.token, 0)
    await returned.next('relay.resumed')
    expect(await kept.client.closed()).toEqual({ code: 4409, reason: 'superseded: stop' })
    expect((await returned.ask('Hello?')).at(-1)).toMatchObject({ type: 'response.done' })
    returned.close()
  })
})

describe('the example client', () => {
  it('goes on after every loss, and no message of either side is lost or doubled', async () => {
    const token = await tokenOf('example')
    const sockets: WebSocket[] = []
    const events: { type: string; event_id: string; item?: { content?: { text?: string }[] } }[] = []
    const states: string[] = []
    const waiting: { until: () => boolean; go: () => void }[] = []
    const look = () => {
      for (const { until, go } of waiting) if (until()) go()
    }
    const reached = (until: () => boolean) =>
      new Promise<void>((go) => {
        waiting.push({ until, go })
        look()
      })
    const talk = resuming({
      connect(protocols) {
        const socket = new WebSocket(url(), protocols, { headers: { authorization: `Bearer ${token}` } })
        sockets.push(socket)
        return socket
      },
      onEvent(event) {
        events.push(event as (typeof events)[number])
        look()
      },
      onState(state) {
        states.push(state)
        look()
      },
    })
    await reached(() => states.includes('open'))
    const dones = () => events.filter(({ type }) => type === 'response.done').length
    for (let round = 1; round <= 4; round++) {
      talk.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: `Question ${round}` }] } })
      talk.send({ type: 'response.create' })
      await reached(() => events.filter(({ type }) => type === 'response.created').length === round)
      sockets.at(-1)?.terminate()
      await reached(() => states.filter((state) => state === 'back').length === round && dones() === round)
    }
    const ids = events.map(({ event_id }) => event_id)
    expect(new Set(ids).size).toBe(ids.length)
    const asked = events.flatMap(({ type, item }) => (type === 'conversation.item.added' && item?.content?.[0]?.text?.startsWith('Question') ? [item.content[0].text] : []))
    expect(asked).toEqual(['Question 1', 'Question 2', 'Question 3', 'Question 4'])
    expect(events.filter(({ type }) => type === 'error' || type === 'relay.resumed')).toEqual([])
    talk.close()
    expect(states).toEqual(['open', ...Array.from({ length: 4 }, () => ['away', 'back']).flat(), 'over'])
  })
})

describe('nobody comes back', () => {
  it('without the right token, as somebody else, or after hanging up', async () => {
    const kept = await enabled('guarded')
    await lose(kept)
    const [id = '', secret = ''] = kept.token.split('.')
    const other = `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`
    expect(await refusal(back('guarded', `${id}.${other}`, 0))).toBe('410 resume_unknown')
    expect(await refusal(back('guarded', `${'A'.repeat(22)}.${secret}`, 0))).toBe('410 resume_unknown')
    expect(await refusal(back('mallory', kept.token, 0))).toBe('410 resume_unknown')
    expect(await refusal(back('guarded', 'nonsense', 0))).toBe('400 bad_request')
    const returned = await back('guarded', kept.token, 0)
    const { token } = await returned.next('relay.resumed')
    returned.close()
    await returned.closed()
    expect(await refusal(back('guarded', String(token), 0))).toBe('410 resume_unknown')
  })

  it('to a session that did not ask for it', async () => {
    const client = await connectClient(url(), await running.token('plain'))
    await client.next('session.created')
    client.send({ type: 'relay.resume.enable' })
    expect(await client.next('error')).toMatchObject({ error: { code: 'event_not_allowed' } })
    client.close()
  })

  it('whose place somebody new has taken', async () => {
    const [first, second] = [await enabled('crowded'), await enabled('crowded')]
    expect(await refusal(connectClient(url(), await tokenOf('crowded')))).toBe('429 too_many_sessions')
    await lose(second)
    const third = await connectClient(url(), await tokenOf('crowded'))
    await third.next('session.created')
    expect(await refusal(back('crowded', second.token, 0))).toBe('410 resume_unknown')
    third.close()
    first.client.close()
  })
})
