// A call from answer to end: whoever is left on the line is hung up once, and whoever left, was transferred or is elsewhere is not.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createPhoneCall, type PhoneCall } from '../../../src/ingress/phone/phone-call.js'
import { type MemoryPeer, memoryPair, settle } from '../../support/memory-link.js'
import { type FakeLine, fakeFraming, fakeLine } from '../../support/phone-lab.js'

interface Rig {
  readonly call: PhoneCall
  readonly line: FakeLine
  readonly losses: string[]
  /** What the session heard of its client. */
  readonly ends: number[]
  readonly state: { elsewhere: boolean; failsToHangUp: boolean; notHungUp: number }
}

function rig(): Rig {
  const line = fakeLine()
  const losses: string[] = []
  const ends: number[] = []
  const state = { elsewhere: false, failsToHangUp: false, notHungUp: 0 }
  const call = createPhoneCall({
    line: { ...line, hangUp: () => (state.failsToHangUp ? Promise.reject(new Error('no')) : line.hangUp()) },
    framing: fakeFraming(),
    now: Date.now,
    onFilled: () => undefined,
    onLoss: (end) => void losses.push(end),
    onNotHungUp: () => void state.notHungUp++,
    isElsewhere: async () => state.elsewhere,
  })
  call.link.onClose((code) => {
    ends.push(code)
    // As a session does.
    call.ended()
  })
  return { call, line, losses, ends, state }
}

function socket(call: PhoneCall, onLost?: () => void): MemoryPeer | undefined {
  const pair = memoryPair()
  return call.attach(pair.link, onLost && { onLost }) ? pair.peer : undefined
}

const lose = async (peer: MemoryPeer | undefined) => {
  peer?.destroy()
  await settle()
}
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }))
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

describe('the media socket', () => {
  it('has thirty seconds to come; then the caller is hung up', async () => {
    const { call, line, ends, losses } = rig()
    await pass(29_999)
    expect([call.isWaiting, ends]).toEqual([true, []])
    await pass(1)
    expect([call.isWaiting, ends, line.asked, losses]).toEqual([false, [1006], ['hang up'], []])
    expect(socket(call)).toBeUndefined()
  })

  it('that has come is waited for no more, and there is one at a time', async () => {
    const { call, ends } = rig()
    const peer = socket(call)
    await pass(600_000)
    expect([call.isWaiting, ends]).toEqual([false, []])
    expect(socket(call)).toBeUndefined()
    expect(peer).toBeDefined()
    call.over()
  })

  it('that is lost may come again once, within five seconds, and whoever gave it is told', async () => {
    const { call, line, ends, losses } = rig()
    let told = 0
    await lose(socket(call, () => told++))
    expect([told, call.isWaiting, ends]).toEqual([1, true, []])
    await pass(4_999)
    const second = socket(call, () => told++)
    expect(second).toBeDefined()
    await pass(60_000)
    expect([losses, ends]).toEqual([['back'], []])
    await lose(second)
    expect(socket(call)).toBeUndefined()
    await pass(999)
    expect([losses, ends]).toEqual([['back'], []])
    await pass(1)
    expect([told, losses, ends, line.asked]).toEqual([1, ['back', 'again'], [1006], ['hang up']])
    expect(socket(call)).toBeUndefined()
  })

  it('that does not come again is the end', async () => {
    const { call, line, ends, losses } = rig()
    await lose(socket(call))
    await pass(5_000)
    expect([losses, ends, line.asked]).toEqual([['not_back'], [1006], ['hang up']])
    expect(call.isWaiting).toBe(false)
  })

  it('may bring a framing of its own', async () => {
    const { call } = rig()
    const pair = memoryPair()
    call.attach(pair.link, { framing: { ...fakeFraming(), clear: () => 'own clear' } })
    call.link.playback.clear()
    await settle()
    expect(pair.peer.drainInbox()).toMatchObject([{ text: 'own clear' }])
    call.over()
  })
})

describe('nobody is hung up', () => {
  it('who left, however often the carrier says so', async () => {
    const { call, line, ends } = rig()
    const peer = socket(call)
    call.over()
    call.over()
    expect(await peer?.closed).toMatchObject({ code: 1000 })
    expect([ends, line.asked]).toEqual([[1000], []])
  })

  it('whose media stopped, or who left within the grace of a lost socket', async () => {
    const stopped = rig()
    socket(stopped.call)?.send('stop')
    await settle()
    expect([stopped.ends, stopped.line.asked]).toEqual([[1000], []])
    const lost = rig()
    await lose(socket(lost.call))
    lost.call.over()
    await pass(60_000)
    expect([lost.ends, lost.line.asked, lost.losses]).toEqual([[1000], [], []])
  })

  it('whose second socket is gone a moment before the carrier says so', async () => {
    const { call, line, ends, losses } = rig()
    await lose(socket(call))
    await lose(socket(call))
    await pass(500)
    call.over()
    await pass(60_000)
    expect([ends, line.asked, losses]).toEqual([[1000], [], ['back']])
  })

  it('who is on another instance by now', async () => {
    const { call, line, ends, state } = rig()
    state.elsewhere = true
    await pass(30_000)
    expect([ends, line.asked]).toEqual([[1000], []])
    call.letGo()
  })

  it('who was transferred', async () => {
    const { call, line } = rig()
    const peer = socket(call)
    const transfer = call.line.transfer('+4930555')
    line.transferred(true)
    await transfer
    call.link.close()
    call.ended()
    await settle()
    expect(line.asked).toEqual(['transfer +4930555'])
    expect(await peer?.closed).toMatchObject({ code: 1000 })
  })
})

describe('a transfer', () => {
  it('may cost the socket and take its time: that is no loss, and neither is a stop', async () => {
    const { call, line, ends, losses } = rig()
    let told = 0
    const peer = socket(call, () => told++)
    const transfer = call.line.transfer('+4930555')
    peer?.send('stop')
    await settle()
    await lose(peer)
    await pass(20_000)
    expect([ends, losses, told]).toEqual([[], [], 0])
    line.transferred(true)
    await transfer
    call.link.close()
    expect(line.asked).toEqual(['transfer +4930555'])
  })

  it('that failed leaves the caller on the line; without a socket the grace begins', async () => {
    const { call, line, ends, losses } = rig()
    await lose(
      (() => {
        const peer = socket(call)
        call.line.transfer('+4930555').catch(() => undefined)
        return peer
      })(),
    )
    line.transferred(false)
    await settle()
    await pass(4_999)
    expect(ends).toEqual([])
    await pass(1)
    expect([ends, losses, line.asked]).toEqual([[1006], ['not_back'], ['transfer +4930555', 'hang up']])
  })

  it('that failed with the socket still there changes nothing', async () => {
    const { call, line, ends } = rig()
    socket(call)
    const transfer = call.line.transfer('+4930555')
    line.transferred(false)
    await expect(transfer).rejects.toThrow('not transferred')
    await pass(60_000)
    expect(ends).toEqual([])
    call.link.close()
    expect(line.asked).toEqual(['transfer +4930555', 'hang up'])
  })
})

describe('the session’s end', () => {
  it('hangs up once, before the socket is closed', async () => {
    const { call, line, ends } = rig()
    const peer = socket(call)
    call.link.close()
    expect(line.asked).toEqual(['hang up'])
    call.ended()
    call.over()
    await pass(60_000)
    expect(await peer?.closed).toMatchObject({ code: 1000, reason: '' })
    expect([line.asked, ends]).toEqual([['hang up'], []])
  })

  it('without a word to its client hangs up as well', () => {
    const { call, line } = rig()
    call.ended()
    expect(line.asked).toEqual(['hang up'])
    expect(socket(call)).toBeUndefined()
  })

  it('a call that cannot be hung up is told', async () => {
    const { call, state } = rig()
    state.failsToHangUp = true
    call.link.close()
    await settle()
    expect(state.notHungUp).toBe(1)
  })
})
