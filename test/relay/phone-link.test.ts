// A session whose client is a telephone: it is opened before the caller's socket is there, audio passes unread both ways, and it outlives a lost socket.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createPhoneCall, type PhoneCall } from '../../src/ingress/phone/phone-call.js'
import type { Link } from '../../src/ports/link.js'
import { memoryPair } from '../support/memory-link.js'
import { type FakeLine, fakeFraming, fakeLine } from '../support/phone-lab.js'
import { updated } from '../support/playbook.js'
import { type Lab, openLab } from '../support/relay-lab.js'

afterEach(() => void vi.useRealTimers())

interface Rig {
  readonly lab: Lab
  readonly call: PhoneCall
  readonly line: FakeLine
  /** The link to the lab's client, which is the carrier here. */
  readonly socket: Link
}

async function opened(): Promise<Rig> {
  const line = fakeLine()
  let call: PhoneCall | undefined
  let socket: Link | undefined
  const lab = openLab({
    client(link) {
      socket = link
      call = createPhoneCall({
        line,
        framing: fakeFraming('pcmu', true),
        now: Date.now,
        onFilled: () => undefined,
        onLoss: () => undefined,
        onNotHungUp: () => undefined,
        isElsewhere: async () => false,
      })
      return call.link
    },
  })
  lab.upstream.say({ type: 'session.created', event_id: 'event_0', session: { type: 'realtime', id: 'sess_1', instructions: 'default', tools: [] } })
  expect((await lab.upstream.hear()).type).toBe('session.update')
  lab.upstream.say(updated(lab.owned))
  await lab.upstream.rest()
  return { lab, call: call as PhoneCall, line, socket: socket as Link }
}

const audio = (bytes: number, fill = 1) => Buffer.alloc(bytes, fill).toString('base64')
const append = (base64: string) => `{"type":"input_audio_buffer.append","audio":"${base64}"}`
const begin = { type: 'response.created', event_id: 'event_1', response: { id: 'resp_1', object: 'realtime.response', status: 'in_progress', output: [] } }
const delta = (base64: string) => ({
  type: 'response.output_audio.delta',
  event_id: 'event_2',
  response_id: 'resp_1',
  item_id: 'item_1',
  output_index: 0,
  content_index: 0,
  delta: base64,
})

describe('a session with a telephone', () => {
  it('speaks from the first word on when the socket comes, and hears the caller, unread both ways', async () => {
    const { lab, call, socket } = await opened()
    lab.upstream.say(begin)
    for (const fill of [1, 2, 3]) lab.upstream.say(delta(audio(800, fill)))
    expect(await lab.client.rest()).toEqual([])
    expect(call.attach(socket)).toBe(true)
    expect((await lab.client.rest()).filter((text) => text.startsWith('a:'))).toEqual([1, 2, 3].map((fill) => `a:${audio(800, fill)}`))
    for (let i = 0; i < 50; i++) lab.client.send(`a${i * 20}:${audio(160, i)}`)
    lab.upstream.say(delta(audio(800, 4)))
    expect(await lab.upstream.rest()).toEqual(Array.from({ length: 50 }, (_, i) => append(audio(160, i))))
    expect((await lab.client.rest())[0]).toBe(`a:${audio(800, 4)}`)
    call.over()
    expect(lab.noted('session_closed')).toMatchObject([{ code: 'client_left' }])
    expect(lab.noted('lane').find(({ side }) => side === 'client')).toMatchObject({ hits: 50, misses: 0 })
    expect(lab.ended()).toBe(1)
  })

  it('goes on after its socket was lost, and with silence until the next one', async () => {
    const { lab, call, socket, line } = await opened()
    call.attach(socket)
    lab.client.send(`a0:${audio(160)}`)
    expect(await lab.upstream.rest()).toEqual([append(audio(160))])
    lab.client.destroy()
    await lab.pass(1_000)
    call.link.look(Date.now())
    const silent = (await lab.upstream.rest()).map((text) => Buffer.from(JSON.parse(text).audio, 'base64'))
    expect(Buffer.concat(silent)).toEqual(Buffer.alloc(999 * 8, 0xff))
    const next = memoryPair()
    expect(call.attach(next.link)).toBe(true)
    next.peer.send(`a0:${audio(160, 9)}`)
    expect(await lab.upstream.rest()).toEqual([append(audio(160, 9))])
    expect([lab.ended(), line.asked]).toEqual([0, []])
    call.over()
  })

  it('that nobody comes for ends as one whose client left, and the caller is hung up', async () => {
    const { lab, line } = await opened()
    await lab.pass(30_000)
    await lab.pass(0)
    expect(lab.noted('session_closed')).toMatchObject([{ code: 'client_left' }])
    expect([lab.ended(), line.asked]).toEqual([1, ['hang up']])
  })

  it('that an operator ends hangs the caller up, and the socket hears no reason', async () => {
    const { lab, call, socket, line } = await opened()
    call.attach(socket)
    lab.relay.sessions.endByOperator({ sessionId: 'sess-4711' })
    expect(await lab.client.closed).toEqual({ code: 1000, reason: '' })
    expect(await lab.client.rest()).toEqual([])
    expect([lab.ended(), line.asked]).toEqual([1, ['hang up']])
  })

  it('whose upstream makes speech faster than the carrier takes it is not read on', async () => {
    const { lab, call, socket } = await opened()
    call.attach(socket)
    lab.client.pause()
    lab.upstream.say(begin)
    for (let i = 0; i < 40; i++) lab.upstream.say(delta(audio(8_000, i)))
    await lab.pass(0)
    expect(lab.upstream.linkPaused).toBe(true)
    expect(lab.noted('backpressure')).toMatchObject([{ side: 'client' }])
    lab.client.resume()
    await lab.pass(250)
    expect(lab.upstream.linkPaused).toBe(false)
    expect((await lab.client.rest()).filter((text) => text.startsWith('a:'))).toHaveLength(40)
    call.over()
  })
})
