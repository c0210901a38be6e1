// Unmodified libraries whose relay loses its upstream: they notice a pause, and no event or error that they would not have had.
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from '@openai/agents-realtime'
import { OpenAI } from 'openai-7'
import { OpenAIRealtimeWS } from 'openai-7/realtime/ws'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ReceivedEvent } from '../support/event-log.js'
import { orderProblems } from '../support/stream-order.js'
import { talk } from './openai-7-talker.js'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { checkWire } from './support/turns.js'

/** By the upstream's name for it. */
const EVENTS = {
  ga: { begun: 'response.created', call: 'response.function_call_arguments.done', audio: 'response.output_audio.delta' },
  preview: { begun: 'response.created', call: 'response.function_call_arguments.done', audio: 'response.audio.delta' },
} as const

describe.each(UPSTREAMS)('with a %s upstream that is lost', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  const connect = async () => new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${lab.host}/v1`, apiKey: await lab.token() }))
  const kill = (type: string, nth = 1) => lab.running.simulator.setFaults({ end: { how: 'rst', at: 'event', type, nth, times: 1 } })
  const upstreams = () => lab.running.simulator.received.length
  const allIsWell = () => {
    checkWire(lab.toClients())
    expect(orderProblems(lab.toClients() as readonly ReceivedEvent[])).toEqual([])
    expect(lab.toClients().filter(({ type }) => type === 'error' || type.startsWith('relay.'))).toEqual([])
  }

  it('openai 7 gets its answer: before it began, in the middle of a call of the server’s, and between turns', async () => {
    const talker = await talk(await connect())
    const first = upstreams()
    kill(EVENTS[upstream].begun)
    expect((await talker.ask('Good morning')).text).toContain('You said: Good morning.')
    kill(EVENTS[upstream].call)
    expect((await talker.ask('What is the weather in Oslo?')).text).toContain('sunny in Oslo')
    lab.running.simulator.setFaults({ end: { how: 'close', code: 1001, at: 'now' } })
    lab.running.simulator.setFaults({})
    await vi.waitFor(() => expect(upstreams()).toBe(first + 3), { timeout: 10_000, interval: 20 })
    expect((await talker.ask('Good night')).text).toContain('You said: Good night.')
    await talker.close()
    allIsWell()
  })

  it('openai 7 sees an answer end early, and another go on', async () => {
    const client = await connect()
    const errors: unknown[] = []
    client.on('error', (error) => errors.push(error))
    await new Promise((resolve) => client.once('session.created', resolve))
    const statuses: (string | undefined)[] = []
    const answered = new Promise<void>((resolve) => {
      client.on('response.done', ({ response }) => {
        statuses.push(response.status)
        if (response.status === 'completed') resolve()
      })
    })
    kill(EVENTS[upstream].audio, 3)
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Good morning' }] } })
    client.send({ type: 'response.create' })
    await answered
    client.close()
    expect(statuses).toEqual(['incomplete', 'completed'])
    expect(errors).toEqual([])
    allIsWell()
  })

  it('@openai/agents-realtime goes on, and can interrupt the answer that goes on', async () => {
    const session = new RealtimeSession(new RealtimeAgent({ name: 'Helper' }), { transport: new OpenAIRealtimeWebSocket(), model: 'gpt-realtime' })
    const errors: unknown[] = []
    session.on('error', (error) => errors.push(error))
    const live = new Promise((resolve) => session.transport.on('*', (event: { type: string }) => event.type === 'session.updated' && resolve(undefined)))
    await session.connect({ url: `wss://${lab.host}/v1/realtime`, apiKey: await lab.token() })
    await live
    const { sessionId } = lab.running.simulator.received.at(-1) ?? {}
    kill(EVENTS[upstream].audio, 3)
    const ended = (words: string) =>
      new Promise<void>((resolve) => {
        session.on('agent_end', (_context, _agent, text) => {
          if (text.includes(words)) resolve()
        })
      })
    const first = ended('You said: Hello there.')
    session.sendMessage('Hello there')
    await first
    expect(lab.running.simulator.received.at(-1)?.sessionId).not.toBe(sessionId)
    session.interrupt()
    const second = ended('You said: And again.')
    session.sendMessage('And again')
    await second
    session.close()
    expect(errors).toEqual([])
    allIsWell()
  })
})
