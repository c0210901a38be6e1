// The kit's client that comes back: which of its messages it sends when, and again, at the moments where counts of both sides could part.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { resuming } from '../../src/browser/resuming.js'

interface Fake {
  readonly protocols: readonly string[]
  readonly sent: string[]
  readyState: number
  onmessage(message: { data: string }): void
  onclose(close: { code: number }): void
  send(text: string): void
  close(code: number): void
}

/** Handlers are there as soon as `connect` has given its socket, which it may do later. */
const attached = () => new Promise<void>((resolve) => void setImmediate(resolve))

async function talking() {
  const sockets: Fake[] = []
  const events: string[] = []
  const states: string[] = []
  let opened: () => void = () => undefined
  const talk = resuming({
    connect(protocols) {
      const socket = {
        protocols,
        sent: [] as string[],
        readyState: 0,
        send: (text: string) => void socket.sent.push((JSON.parse(text) as { type: string }).type),
        close: () => undefined,
      }
      sockets.push(socket as unknown as Fake)
      opened()
      return socket
    },
    onEvent: ({ type }) => void events.push(type),
    onState: (state) => void states.push(state),
  })
  await attached()
  const current = () => sockets.at(-1) as Fake
  const hears = (event: object) => current().onmessage({ data: JSON.stringify(event) })
  return {
    talk,
    events,
    states,
    current,
    hears,
    begins() {
      current().readyState = 1
      hears({ type: 'session.created' })
      hears({ type: 'relay.resume.ready', token: 'id.secret', seconds: 60 })
    },
    /** Resolves with the next socket, which is open. */
    async loses(code: number) {
      const next = new Promise<void>((resolve) => {
        opened = resolve
      })
      current().readyState = 3
      current().onclose({ code })
      await next
      await attached()
      current().readyState = 1
    },
    greeted: (received: number, more: object = {}) =>
      hears({ type: 'relay.resumed', cause: 'client', recovered: true, sent: 9, token: 'id.other', seconds: 60, received, ...more }),
  }
}

describe('the client that comes back', () => {
  afterEach(() => void vi.useRealTimers())

  it('sends what was said before there was a session as soon as there is one', async () => {
    const one = await talking()
    one.talk.send({ type: 'early' })
    expect(one.current().sent).toEqual([])
    one.current().readyState = 1
    one.talk.send({ type: 'still early' })
    one.hears({ type: 'session.created' })
    expect(one.current().sent).toEqual(['relay.resume.enable', 'early', 'still early'])
  })

  it('counts its own messages from `relay.resume.enable` on, as the relay does', async () => {
    const one = await talking()
    one.current().readyState = 1
    one.hears({ type: 'session.created' })
    one.talk.send({ type: 'first' })
    one.talk.send({ type: 'second' })
    one.hears({ type: 'relay.resume.ready', token: 'id.secret', seconds: 60 })
    one.talk.send({ type: 'third' })
    await one.loses(1006)
    one.greeted(2)
    expect(one.current().sent).toEqual(['third'])
  })

  it('sends nothing on a new socket before it knows what the relay has', async () => {
    const one = await talking()
    one.begins()
    one.talk.send({ type: 'first' })
    await one.loses(1006)
    one.talk.send({ type: 'while away' })
    expect(one.current().sent).toEqual([])
    one.greeted(0)
    expect(one.current().sent).toEqual(['first', 'while away'])
    one.talk.send({ type: 'after' })
    expect(one.current().sent).toEqual(['first', 'while away', 'after'])
  })

  it('says how many messages it has, and goes on with the relay’s count if some are lost', async () => {
    const one = await talking()
    one.begins()
    for (let i = 0; i < 3; i++) one.hears({ type: 'delta' })
    await one.loses(1006)
    expect(one.current().protocols).toEqual(['realtime', 'relay-resume.id.secret.3'])
    one.greeted(0, { recovered: false, sent: 40 })
    one.hears({ type: 'delta' })
    await one.loses(1001)
    expect(one.current().protocols).toEqual(['realtime', 'relay-resume.id.other.41'])
    expect(one.states).toEqual(['open', 'away', 'back', 'away'])
  })

  it('hands a `relay.resumed` that is about the upstream to the app, and counts it', async () => {
    const one = await talking()
    one.begins()
    one.hears({ type: 'relay.resumed', cause: 'upstream' })
    expect(one.events.at(-1)).toBe('relay.resumed')
    await one.loses(1006)
    expect(one.current().protocols[1]).toBe('relay-resume.id.secret.1')
  })

  it('sends all that it has if the relay knows less, and counts from there on as the relay does', async () => {
    const one = await talking()
    one.begins()
    for (const type of ['first', 'second', 'third']) one.talk.send({ type })
    await one.loses(1006)
    one.greeted(2)
    one.talk.send({ type: 'fourth' })
    await one.loses(1006)
    // What it had forgotten is gone.
    one.greeted(1)
    expect(one.current().sent).toEqual(['third', 'fourth'])
    one.talk.send({ type: 'fifth' })
    await one.loses(1006)
    one.greeted(3)
    expect(one.current().sent).toEqual(['fifth'])
  })

  it('keeps the last thousand of its own messages, those of before the session as well', async () => {
    const one = await talking()
    for (let i = 0; i < 1005; i++) one.talk.send({ type: `m${i}` })
    one.begins()
    expect(one.current().sent.slice(0, 2)).toEqual(['relay.resume.enable', 'm5'])
    await one.loses(1006)
    one.greeted(998)
    expect(one.current().sent).toEqual(['m1003', 'm1004'])
  })

  it.each([1000, 4401, 4408, 4409, 4410])('does not come back to a session that the relay has ended with %i', async (code) => {
    const one = await talking()
    one.begins()
    one.current().onclose({ code })
    expect(one.states).toEqual(['open', 'over'])
  })

  it.each([1001, 1006, 1012, 4000])('tries to come back after %i, until the relay says that it has no such session', async (code) => {
    const one = await talking()
    one.begins()
    await one.loses(code)
    await one.loses(1006)
    one.current().onclose({ code: 4410 })
    expect(one.states).toEqual(['open', 'away', 'over'])
  })

  it('does not count what a relay says that is full', async () => {
    const one = await talking()
    one.begins()
    one.hears({ type: 'delta' })
    await one.loses(1006)
    one.hears({ type: 'error', error: { code: 'overloaded' } })
    await one.loses(1013)
    expect(one.current().protocols[1]).toBe('relay-resume.id.secret.1')
  })

  it('gives up when the session waits no longer', async () => {
    const one = await talking()
    vi.useFakeTimers({ toFake: ['Date'] })
    one.begins()
    await one.loses(1006)
    vi.setSystemTime(Date.now() + 61_000)
    one.current().onclose({ code: 1006 })
    expect(one.states).toEqual(['open', 'away', 'over'])
  })

  it('hangs up while it is away', async () => {
    const one = await talking()
    one.begins()
    await one.loses(1006)
    one.talk.close()
    one.greeted(0)
    expect(one.states).toEqual(['open', 'away', 'over'])
  })

  it('is over with its socket if the relay does not let it come back', async () => {
    const one = await talking()
    one.current().readyState = 1
    one.hears({ type: 'session.created' })
    one.hears({ type: 'error', error: { event_id: 'resume' } })
    one.current().onclose({ code: 1006 })
    expect(one.states).toEqual(['open', 'over'])
    expect(one.events).toEqual(['session.created', 'error'])
  })

  it('is over with what `connect` threw if there is no session yet, and tries again if there is one', async () => {
    const problem = new Error('no token')
    const states: unknown[] = []
    resuming({ connect: () => Promise.reject(problem), onEvent: () => undefined, onState: (...given) => void states.push(given) })
    await attached()
    expect(states).toEqual([['over', 1006, problem]])
    let dials = 0
    let first: Fake | undefined
    const again = new Promise<void>((resolve) => {
      resuming({
        connect() {
          if (++dials === 3) resolve()
          if (dials > 1) throw problem
          first = { protocols: [], sent: [], readyState: 1, send: () => undefined, close: () => undefined } as unknown as Fake
          return first
        },
        onEvent: () => undefined,
        onState: () => undefined,
      })
    })
    await attached()
    first?.onmessage({ data: JSON.stringify({ type: 'session.created' }) })
    first?.onmessage({ data: JSON.stringify({ type: 'relay.resume.ready', token: 'id.secret', seconds: 60 }) })
    first?.onclose({ code: 1006 })
    await again
  })

  it('gives up a relay that says nothing for thirty seconds, and a socket that comes too late', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const one = await talking()
    one.current().readyState = 1
    vi.advanceTimersByTime(29_000)
    expect(one.states).toEqual([])
    vi.advanceTimersByTime(2000)
    expect(one.states).toEqual(['over'])

    const closed: number[] = []
    let give: (socket: object) => void = () => undefined
    const connect = () =>
      new Promise<never>((resolve) => {
        give = resolve as typeof give
      })
    const talk = resuming({ connect, onEvent: () => undefined, onState: () => undefined })
    talk.close()
    give({ readyState: 0, send: () => undefined, close: (code: number) => void closed.push(code) })
    await attached()
    expect(closed).toEqual([4000])
  })

  it('gives up a socket in doubt at once, and waits no longer for the next', async () => {
    const one = await talking()
    one.begins()
    const first = one.current()
    one.talk.doubt()
    await attached()
    expect(one.states).toEqual(['open', 'away'])
    expect(one.current()).not.toBe(first)
    first.onmessage({ data: JSON.stringify({ type: 'late' }) })
    expect(one.events).not.toContain('late')
    const second = one.current()
    second.onclose({ code: 1006 })
    expect(one.current()).toBe(second)
    one.talk.doubt()
    expect(one.current()).not.toBe(second)
    one.talk.close()
  })
})
