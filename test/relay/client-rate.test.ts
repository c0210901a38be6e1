// Bytes and audio of a client over time: above its rate it is read more slowly, and nothing is lost.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ClientRate } from '../../src/relay/client-rate.js'
import { TICK_MS, Timetable } from '../../src/relay/timetable.js'
import { type Lab, openLab } from '../support/relay-lab.js'

afterEach(() => vi.useRealTimers())

async function rateLab(settings: object, limits: object = {}): Promise<Lab> {
  const lab = openLab({ settings: { bufferBytes: 64 * 1024 * 1024, messagesPerSecond: 100_000, ...settings }, profile: { limits: limits as never } })
  await lab.live()
  return lab
}
/** About a kilobyte on the wire, 720 bytes of audio. */
const APPEND = JSON.stringify({ type: 'input_audio_buffer.append', audio: 'A'.repeat(960) })
/** The same by the slow way: an id in the relay's own form is not let through the lane. */
const SLOW = JSON.stringify({ type: 'input_audio_buffer.append', audio: 'A'.repeat(960), more: 1 })

describe.each([
  ['bytes', { bytesPerSecond: 10 * APPEND.length }, APPEND],
  ['audio', { audioBytesPerSecond: 7200 }, APPEND],
  ['audio that takes the slow way', { audioBytesPerSecond: 7200 }, SLOW],
])('%s', (_, settings, frame) => {
  it('pass in a burst of five seconds’ worth, then at their rate', async () => {
    const lab = await rateLab(settings)
    for (let n = 0; n < 100; n++) lab.client.send(frame)
    expect(await lab.upstream.rest()).toHaveLength(51)
    expect(lab.client.linkPaused).toBe(true)
    let seen = 51
    for (let second = 0; second < 8 && seen < 100; second++) {
      await lab.pass(1000)
      const passed = (await lab.upstream.rest()).length
      if (seen + passed < 100) expect(passed).toBeGreaterThanOrEqual(8)
      expect(passed).toBeLessThanOrEqual(12)
      seen += passed
    }
    expect(seen).toBe(100)
    expect(lab.ended()).toBe(0)
  })
})

describe('a whole recording in one message', () => {
  it('passes at once, and its debt is paid by waiting', async () => {
    const lab = await rateLab({ bytesPerSecond: 100_000, audioBytesPerSecond: 48_000 })
    const recording = JSON.stringify({ type: 'input_audio_buffer.append', audio: 'A'.repeat(4_000_000) })
    lab.client.send(recording)
    lab.client.send(APPEND)
    expect(await lab.upstream.rest()).toEqual([recording])
    await lab.pass(50_000)
    expect(await lab.upstream.rest()).toEqual([])
    await lab.pass(20_000)
    expect(await lab.upstream.rest()).toEqual([APPEND])
  })
})

describe('a profile', () => {
  it('may have rates of its own', async () => {
    const lab = await rateLab({ bytesPerSecond: 1e9 }, { bytesPerSecond: 2 * APPEND.length })
    for (let n = 0; n < 30; n++) lab.client.send(APPEND)
    expect(await lab.upstream.rest()).toHaveLength(11)
  })
})

describe('the count', () => {
  const rates = { messagesPerSecond: 2, bytesPerSecond: 1000, audioBytesPerSecond: 1000 }

  it('never saves up more than a burst, and lets nothing through on the way out of debt', () => {
    const timetable = new Timetable(0)
    const rate = new ClientRate({}, rates, timetable)
    timetable.tick(1e9)
    expect(rate.refill()).toBe(true)
    expect(rate.message(5000)).toBe(true)
    expect(rate.message(1)).toBe(false)
    expect(rate.refill()).toBe(false)
    timetable.tick(1e9 + 1000)
    expect(rate.refill()).toBe(true)
    expect(rate.audio(5000)).toBe(true)
    expect(rate.audio(1)).toBe(false)
  })

  it('is refilled by the next message where nobody has looked for long', () => {
    const timetable = new Timetable(0)
    const rate = new ClientRate({}, rates, timetable)
    for (let n = 0; n < 10; n++) expect(rate.message(1)).toBe(true)
    timetable.tick(500)
    expect([rate.message(1), rate.message(1)]).toEqual([true, false])
    timetable.tick(3_600_000)
    for (let n = 0; n < 10; n++) expect(rate.message(1)).toBe(true)
    expect(rate.message(1)).toBe(false)
  })

  it('knows to a tick when the client was last active, whenever it is asked', () => {
    const timetable = new Timetable(0)
    const rate = new ClientRate({}, rates, timetable)
    timetable.tick(20_000)
    rate.message(1)
    timetable.tick(40_000)
    expect([rate.refill(), rate.activeAt]).toEqual([true, 20_250])
  })
})

describe('frames that are no messages', () => {
  const timetable = () => {
    let period = 0
    const table = {
      get period() {
        return period
      },
      endOf: (one: number) => one * TICK_MS,
    }
    return { table, later: (periods: number) => (period += periods) }
  }

  it('count as messages and bytes, and as no activity', () => {
    const { table, later } = timetable()
    const rate = new ClientRate({}, { messagesPerSecond: 4, bytesPerSecond: 1000, audioBytesPerSecond: 1000 }, table)
    for (let n = 0; n < 20; n++) expect(rate.extra(6)).toBe(true)
    expect(rate.extra(6)).toBe(false)
    later(8)
    expect(rate.refill()).toBe(true)
    expect(rate.activeAt).toBe(0)
    expect(rate.extra(10_000)).toBe(false)
    later(1)
    rate.message(1)
    expect(rate.activeAt).toBe(9 * TICK_MS)
  })

  it('are not read on above the rate, until there is room again', async () => {
    const lab = await rateLab({ messagesPerSecond: 10 })
    for (let n = 0; n < 60; n++) lab.client.ping()
    await lab.client.rest()
    expect(lab.client.linkPaused).toBe(true)
    lab.client.send(APPEND)
    expect(await lab.upstream.rest()).toEqual([])
    await lab.pass(3000)
    expect(await lab.upstream.rest()).toEqual([APPEND])
  })
})
