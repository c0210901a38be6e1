// The kit in an imitated browser: an app that closes in a listener, sockets that stall, a click that comes late, and what is left behind.
import { EventEmitter, once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type ImitatedRelay, imitateBrowser } from './imitated.js'

interface Problem {
  readonly code: number | string
  readonly fatal: boolean
}

let world: Awaited<ReturnType<typeof imitateBrowser>>
let relay: ImitatedRelay
let problems: Problem[]
let asks: number
/** What `token()` gives at that ask. */
let token: (ask: number) => string | Promise<string>

/** Lets all happen that is due, and so much time pass. */
const pass = (ms = 1) => vi.advanceTimersByTimeAsync(ms)

function make(options: object = {}): void {
  relay = world.connect({ url: 'wss://relay.example.com/v1/realtime', token: async () => token(++asks), ...options })
  problems = []
  relay.on('problem', (problem: Problem) => void problems.push(problem))
}

async function goLive(): Promise<void> {
  relay.open()
  await pass()
  world.last().greets()
  await pass()
}

const codes = () => problems.map(({ code }) => code)
const sentTypes = () => world.last().sent.map(({ type }) => type)

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
  world = await imitateBrowser()
  asks = 0
  token = (ask) => `token-${ask}`
})
afterEach(() => {
  relay.close()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('an app that closes in a listener', () => {
  it('of `connecting` opens nothing', async () => {
    make()
    relay.on('state', (state) => void (state === 'connecting' && relay.close()))
    relay.open()
    await pass(1000)
    expect([relay.state, asks, world.sockets.length]).toEqual(['closed', 0, 0])
  })

  it('of `connecting`, and opens again, has one session', async () => {
    make()
    const off = relay.on('state', () => {
      off()
      relay.close()
      relay.open()
    })
    relay.open()
    await pass(1000)
    expect([relay.state, asks, world.sockets.length]).toEqual(['connecting', 1, 1])
  })

  it.each([1006, 1012, 4410])('of `away`, after %s, leaves no socket behind', async (code) => {
    make()
    relay.on('state', (state) => void (state === 'away' && relay.close()))
    await goLive()
    world.last().drops(code)
    await pass(100_000)
    expect([relay.state, world.sockets.length, asks]).toEqual(['closed', 1, 1])
  })

  it.each(['new_session', 'missed'])('of the problem `%s` stays closed', async (code) => {
    make()
    relay.on('problem', (problem: Problem) => void (problem.code === code && relay.close()))
    await goLive()
    world.last().drops(code === 'missed' ? 1006 : 4410)
    await pass()
    if (code === 'missed') world.last().says({ type: 'relay.resumed', cause: 'client', recovered: false, sent: 0, received: 0, token: 'id.other', seconds: 60 })
    else world.last().greets()
    await pass()
    expect([relay.state, world.last().closed]).toEqual(['closed', 1000])
    relay.say('again')
    await pass()
    expect([relay.state, world.sockets.length]).toEqual(['connecting', 3])
  })

  it('of `open`, and opens again, keeps what was said for the next session', async () => {
    make()
    const off = relay.on('state', (state) => {
      if (state !== 'open') return
      off()
      relay.close()
      relay.say('for the next')
      relay.open().then(() => opened++)
    })
    let opened = 0
    await goLive()
    expect([relay.state, opened, world.sockets.length]).toEqual(['connecting', 0, 2])
    world.last().greets()
    await pass()
    expect([opened, sentTypes()]).toEqual([1, expect.arrayContaining(['conversation.item.create', 'response.create'])])
  })

  it('closes for good before a next session, if token() failed for the last one in that moment', async () => {
    make()
    await goLive()
    const backEnd = new EventEmitter()
    token = () => once(backEnd, 'failed').then(() => Promise.reject(new Error('away')))
    world.last().says({ type: 'relay.token.expiring', seconds: 60 })
    await pass()
    world.last().drops(4410)
    backEnd.emit('failed')
    token = (ask) => `token-${ask}`
    for (let turns = 0; turns < 10; turns++) await Promise.resolve()
    relay.close()
    await pass(100_000)
    expect([relay.state, world.sockets.length]).toEqual(['closed', 1])
  })

  it('rejects open() with a problem that says that it is over', async () => {
    make()
    const opening = relay.open()
    relay.close()
    await expect(opening).rejects.toMatchObject({ code: 1000, fatal: true })
    expect(problems).toEqual([])
  })
})

describe('a socket that stalls', () => {
  const appends = () => sentTypes().filter((type) => type === 'input_audio_buffer.append').length

  async function speaking(): Promise<void> {
    relay.talk()
    await pass()
    expect(relay.listening).toBe(true)
    world.worklets.at(-1)?.hears()
    expect(appends()).toBe(1)
    world.last().bufferedAmount = 1_400_000
  }

  it('is given up once, and what is said meanwhile waits', async () => {
    make()
    await goLive()
    await speaking()
    token = () => {
      throw new Error('no network')
    }
    for (let part = 0; part < 10; part++) {
      world.worklets.at(-1)?.hears()
      await pass(10)
    }
    expect([relay.state, asks]).toEqual(['away', 2])
    token = (ask) => `token-${ask}`
    await pass(8000)
    world.last().says({ type: 'relay.resumed', cause: 'client', recovered: true, sent: 0, received: 1, token: 'id.other', seconds: 60 })
    expect([relay.state, appends()]).toEqual(['open', 10])
  })

  it('is all that users without relay events have, so what is said is dropped', async () => {
    make()
    relay.open()
    await pass()
    world.last().says({ type: 'session.created', session: {} })
    await pass()
    await speaking()
    world.worklets.at(-1)?.hears()
    expect([relay.state, appends()]).toEqual(['open', 1])
  })
})

describe('what waits for a session that is gone', () => {
  it.each<[string, object]>([
    [
      'an id in a tool’s parameters',
      { type: 'session.update', session: { type: 'realtime', tools: [{ type: 'function', name: 'look_up', parameters: { properties: { order_id: { type: 'string' } } } }] } },
    ],
    ['an id in metadata', { type: 'response.create', response: { metadata: { user_id: '7' } } }],
    ['words like an event’s', { type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'input_audio_buffer: why?' }] } }],
    ['its own id', { type: 'relay.quota.get', event_id: 'mine' }],
    ['the begin of a conversation', { type: 'conversation.item.create', previous_item_id: 'root', item: { type: 'message', role: 'user', content: [] } }],
  ])('goes into the next one with %s', async (_what, event) => {
    make()
    await away()
    relay.send(event)
    await anew()
    expect(world.last().sent).toContainEqual(event)
  })

  it.each<[string, object]>([
    ['sound', { type: 'input_audio_buffer.append', audio: 'AAAA' }],
    ['a call’s sound', { type: 'output_audio_buffer.clear' }],
    ['a cancellation', { type: 'response.cancel' }],
    ['an old item', { type: 'conversation.item.delete', item_id: 'item_old' }],
    ['a place behind an old item', { type: 'conversation.item.create', previous_item_id: 'item_old', item: { type: 'message', role: 'user', content: [] } }],
    ['an old response', { type: 'response.cancel', response_id: 'resp_old' }],
    ['an old call', { type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'call_old', output: 'x' } }],
  ])('does not, if it is or names %s', async (_what, event) => {
    make()
    await away()
    relay.send(event)
    relay.send({ type: 'relay.quota.get' })
    await anew()
    expect(sentTypes().filter((type) => type !== 'relay.resume.enable')).toEqual(['relay.quota.get'])
  })

  async function away(): Promise<void> {
    await goLive()
    world.last().drops(1006)
    await pass()
    expect(relay.state).toBe('away')
  }
  async function anew(): Promise<void> {
    world.last().drops(4410)
    await pass()
    world.last().greets()
    expect(codes()).toEqual(['new_session'])
  }
})

describe('a call', () => {
  async function call(url = 'wss://relay.example.com/v1/realtime'): Promise<void> {
    make({ url, transport: 'webrtc' })
    relay.open()
    await pass()
    world.last().says({ type: 'session.created', session: {} })
    await pass()
  }

  it('that nobody clicked for says that it is silent, and sounds after a click', async () => {
    world.mayPlay = false
    await call()
    expect([codes(), relay.state, world.plays]).toEqual([['autoplay'], 'open', 1])
    world.mayPlay = true
    relay.talk()
    await pass()
    expect([codes(), world.plays]).toEqual([['autoplay'], 2])
  })

  it('says nothing of silence if it sounds', async () => {
    await call()
    expect([codes(), world.plays]).toEqual([[], 1])
  })

  it.each([
    ['wss://relay.example.com/v1/realtime?model=gpt-realtime', '?model=gpt-realtime'],
    ['wss://relay.example.com/v1/realtime/', ''],
  ])('of %s is placed there, with its query, and hung up with the last token', async (url, query) => {
    await call(url)
    expect(asks).toBe(2)
    relay.close()
    await pass()
    expect(world.requests).toEqual([
      { url: `https://relay.example.com/v1/realtime/calls${query}`, authorization: 'Bearer token-1' },
      { url: `https://relay.example.com/v1/realtime/calls/rtc_1/hangup${query}`, authorization: 'Bearer token-2' },
    ])
  })

  it('speaks no more if the end of its answer may be among what was missed', async () => {
    await call()
    world.last().says({ type: 'output_audio_buffer.started', response_id: 'resp_1' })
    expect(relay.speaking).toBe(true)
    world.last().drops(1006)
    await pass()
    world.last().says({ type: 'session.created', session: {} })
    expect([codes(), relay.speaking]).toEqual([['missed'], false])
  })
})

describe('a device', () => {
  it.each<[number, readonly string[]]>([
    [1500, []],
    [2500, ['autoplay']],
  ])('that starts after %s ms is taken for a browser’s refusal only if it is late', async (ms, expected) => {
    world.startsAfterMs = ms
    make()
    await goLive()
    world.last().says({ type: 'response.output_audio.delta', response_id: 'resp_1', item_id: 'item_1', content_index: 0, delta: '' })
    await pass(5000)
    expect(codes()).toEqual(expected)
  })
})

describe('a token that is about to end', () => {
  const refreshes = () => world.last().sent.filter(({ type }) => type === 'relay.token.refresh')

  it('is asked for again if it is the same', async () => {
    token = () => 'kept'
    make()
    await goLive()
    world.last().says({ type: 'relay.token.expiring', seconds: 60 })
    await pass(5000)
    expect([asks, refreshes(), codes()]).toEqual([4, [], []])
    token = () => 'fresh'
    await pass(20_000)
    expect([asks, refreshes(), codes()]).toEqual([5, [{ type: 'relay.token.refresh', token: 'fresh' }], []])
  })

  it('is asked for again every two seconds if token() fails, and no more after the end', async () => {
    make()
    await goLive()
    token = () => {
      throw new Error('away')
    }
    world.last().says({ type: 'relay.token.expiring', seconds: 60 })
    await pass(3000)
    expect([asks, codes()]).toEqual([3, ['token', 'token']])
    relay.close()
    await pass(20_000)
    expect(asks).toBe(3)
  })
})

describe('the microphone', () => {
  const open = () => world.contexts.filter(({ state }) => state !== 'closed').length

  it('leaves nothing behind if the user answers the browser after the end', async () => {
    make()
    const { microphone } = world
    const user = new EventEmitter()
    world.microphone = () => once(user, 'allows').then(microphone)
    await goLive()
    relay.talk()
    await pass()
    relay.close()
    user.emit('allows')
    await pass()
    expect([open(), world.stopped, world.worklets.length, relay.listening]).toEqual([0, 1, 0, false])
  })

  it.each([false, true])('ends what runs beside the page when it is muted (a context of its own: %s)', async (refusesRate) => {
    world.refusesRate = refusesRate
    make()
    await goLive()
    relay.talk()
    await pass()
    const before = open()
    expect(world.worklets[0]?.told).toEqual([])
    relay.mute()
    expect([world.worklets[0]?.told.length, world.stopped, before - open()]).toEqual([1, 1, refusesRate ? 1 : 0])
  })

  it('closes a context of its own if the script does not load', async () => {
    world.refusesRate = true
    world.loadsWorklet = false
    make()
    await goLive()
    relay.talk()
    await pass()
    expect([codes(), open(), world.stopped]).toEqual([['worklet'], 1, 1])
  })
})
