// Back-pressure both ways, slow and steady readers, and clients that send too fast: what is read, what waits, and who is closed.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { settle } from '../support/memory-link.js'
import { ev } from '../support/playbook.js'
import { type Lab, openLab } from '../support/relay-lab.js'

afterEach(() => vi.useRealTimers())

const HIGH = 16 * 1024
const FRAME = JSON.stringify({ type: 'response.output_audio.delta', event_id: 'e', response_id: 'r', item_id: 'm', output_index: 0, content_index: 0, delta: 'A'.repeat(1000) })
const APPEND = JSON.stringify({ type: 'input_audio_buffer.append', audio: 'A'.repeat(1000) })

async function flowLab(settings: object = {}): Promise<Lab> {
  const lab = openLab({ settings: { bufferBytes: HIGH, ...settings }, profile: { tools: [] } })
  await lab.live()
  return lab
}

describe('a client that does not read', () => {
  it('stops the upstream at the high mark, and it is read again at half of it', async () => {
    const lab = await flowLab()
    lab.client.pause()
    for (let n = 0; n < 100; n++) lab.upstream.send(FRAME)
    await settle()
    expect(lab.upstream.linkPaused).toBe(true)
    const waiting = lab.upstream.unread
    expect(waiting).toBeGreaterThan(70)
    expect(lab.client.peakBytes).toBeLessThanOrEqual(HIGH + FRAME.length)
    expect(lab.noted('backpressure')).toEqual([{ type: 'backpressure', side: 'client' }])

    lab.client.take(7)
    await lab.pass(250)
    expect(lab.upstream.linkPaused).toBe(true)
    lab.client.take(2)
    await lab.pass(250)
    expect(lab.upstream.unread).toBeLessThan(waiting)

    lab.client.resume()
    const seen: string[] = []
    while (seen.length < 100) seen.push(...(await lab.client.rest()))
    expect(seen).toHaveLength(100)
    expect(lab.client.peakBytes).toBeLessThanOrEqual(HIGH + FRAME.length)
  })

  it('is read on itself, so that it can still cancel', async () => {
    const lab = await flowLab()
    lab.client.pause()
    for (let n = 0; n < 40; n++) lab.upstream.send(FRAME)
    await settle()
    lab.client.say({ type: 'response.cancel' })
    expect(await lab.upstream.types()).toEqual(['response.cancel'])
  })

  it('is closed as slow when nothing moves for the limit, and not before', async () => {
    const lab = await flowLab({ slowClientMs: 2000 })
    lab.client.pause()
    for (let n = 0; n < 40; n++) lab.upstream.send(FRAME)
    await settle()
    await lab.pass(2000)
    expect(lab.ended()).toBe(0)
    await lab.pass(500)
    expect(lab.ended()).toBe(1)
    expect(lab.noted('session_closed')).toMatchObject([{ code: 'slow_client', why: 'no_progress' }])
    expect((await lab.upstream.closed).code).toBe(1000)
    lab.client.resume()
    expect(await lab.client.closed).toEqual({ code: 4413, reason: 'slow_client: reconnect' })
  })

  it('is kept while it reads steadily, however slowly', async () => {
    const lab = await flowLab({ slowClientMs: 2000 })
    lab.client.pause()
    for (let n = 0; n < 60; n++) lab.upstream.send(FRAME)
    await settle()
    for (let second = 0; second < 20; second++) {
      lab.client.take(1)
      await lab.pass(1000)
    }
    expect(lab.ended()).toBe(0)
  })

  it('is not called slow for a backlog below the mark', async () => {
    const lab = await flowLab({ slowClientMs: 2000 })
    lab.client.pause()
    for (let n = 0; n < 5; n++) lab.upstream.send(FRAME)
    await lab.pass(60_000)
    expect(lab.ended()).toBe(0)
  })
})

describe('an upstream that does not read', () => {
  it('stops the client at the high mark, and it is read again at half of it', async () => {
    const lab = await flowLab()
    lab.upstream.pause()
    for (let n = 0; n < 100; n++) lab.client.send(APPEND)
    await settle()
    expect(lab.client.linkPaused).toBe(true)
    expect(lab.client.unread).toBeGreaterThan(70)
    expect(lab.upstream.peakBytes).toBeLessThanOrEqual(HIGH + APPEND.length)
    expect(lab.noted('backpressure')).toEqual([{ type: 'backpressure', side: 'upstream' }])
    lab.upstream.resume()
    const seen: string[] = []
    while (seen.length < 100) seen.push(...(await lab.upstream.rest()))
    expect(seen).toHaveLength(100)
    expect(lab.client.linkPaused).toBe(false)
  })

  it('is given up when nothing moves for the limit', async () => {
    const lab = await flowLab({ slowClientMs: 2000 })
    lab.upstream.pause()
    for (let n = 0; n < 40; n++) lab.client.send(APPEND)
    await settle()
    await lab.pass(2500)
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'upstream_lost' } })
    expect((await lab.client.closed).code).toBe(4502)
  })
})

describe('a client that sends too fast', () => {
  it('is read at its rate after a burst, and loses nothing', async () => {
    const lab = await flowLab({ messagesPerSecond: 10, bufferBytes: 1024 * 1024 })
    for (let n = 0; n < 200; n++) lab.client.send(APPEND)
    await settle()
    expect(lab.client.linkPaused).toBe(true)
    expect(await lab.upstream.rest()).toHaveLength(51)
    await lab.pass(1000)
    const second = (await lab.upstream.rest()).length
    expect(second).toBeGreaterThanOrEqual(8)
    expect(second).toBeLessThanOrEqual(12)
    await lab.pass(10_000)
    expect(lab.ended()).toBe(0)
    let seen = 51 + second
    for (let turn = 0; turn < 40 && seen < 200; turn++) {
      seen += (await lab.upstream.rest()).length
      await lab.pass(1000)
    }
    expect(seen).toBe(200)
  })

  it('is not slowed below its rate', async () => {
    const lab = await flowLab({ messagesPerSecond: 10 })
    for (let second = 0; second < 20; second++) {
      for (let n = 0; n < 9; n++) lab.client.send(APPEND)
      await lab.pass(1000)
      expect(await lab.upstream.rest()).toHaveLength(9)
    }
  })

  it('before the session is live is slowed all the same', async () => {
    const lab = openLab({ settings: { messagesPerSecond: 10, heldFrames: 1000, bufferBytes: 1024 * 1024 } })
    for (let n = 0; n < 100; n++) lab.client.send(APPEND)
    await lab.live()
    expect(await lab.upstream.rest()).toHaveLength(51)
    expect(lab.client.linkPaused).toBe(true)
  })
})

it('one session’s backlog leaves another alone', async () => {
  const lab = await flowLab()
  const other = lab.another()
  await other.live()
  lab.client.pause()
  for (let n = 0; n < 40; n++) lab.upstream.send(FRAME)
  await settle()
  expect(other.upstream.linkPaused).toBe(false)
  other.upstream.say(ev.created('r'))
  other.upstream.say(ev.itemAdded('r', ev.message('m')))
  expect(await other.client.types()).toEqual(['response.created', 'response.output_item.added'])
})
