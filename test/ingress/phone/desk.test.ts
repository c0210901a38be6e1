// The desk over a store in this process and over Redis: the order of its checks, its places, and one ticket for one socket on whichever instance.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../../src/config/secret.js'
import { RefusalError } from '../../../src/core/protocol/errors.js'
import type { AdmittedPhoneCaller } from '../../../src/ports/phone.js'
import type { Store } from '../../../src/ports/store.js'
import { createMemoryStore } from '../../../src/store/memory/store.js'
import { createRedisStore } from '../../../src/store/redis/store.js'
import { memoryPair, settle } from '../../support/memory-link.js'
import { type DeskLab, type DeskOptions, fakeFraming, fakeLine, openDesk, ring } from '../../support/phone-lab.js'
import { profile, tool } from '../../support/playbook.js'
import { uniquePrefix } from '../../support/redis.js'

type Opened = DeskLab['opened'][number]

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

function memoryStore(): Store {
  const store = createMemoryStore()
  closers.push(() => store.close(0))
  return store
}

/** So many instances that share one Redis. */
async function redisStores(count: number): Promise<readonly Store[]> {
  const keyPrefix = uniquePrefix()
  const stores = Array.from({ length: count }, () => createRedisStore({ url: new Secret(process.env.REDIS_URL ?? ''), keyPrefix, usageRetentionDays: 2 }))
  for (const store of stores) closers.push(() => store.close(1_000))
  for (const store of stores) await vi.waitFor(async () => expect((await store.health()).status).toBe('ok'), { timeout: 5_000, interval: 10 })
  return stores
}

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'admitted',
    (error: unknown) => (error instanceof RefusalError ? `${error.code} ${error.why}` : error),
  )
const desk = (options: DeskOptions = {}) => openDesk(memoryStore(), options)

describe('admission', () => {
  it('gives a caller an identity without a token, and the profile of the number', async () => {
    const lab = desk({ config: { profiles: { '+493012345678': 'sales', '*': 'default' }, claims: { tel: 'from', profile: 'header:x-profile' } } })
    const before = Date.now()
    const caller = await lab.desk.admit(ring({ headers: { 'x-profile': 'admin' } }))
    expect(caller.identity).toMatchObject({ issuer: 'telephone', tokenId: undefined, claims: { tel: '+4915112345678', profile: 'sales' }, profile: 'sales' })
    expect(caller.identity.subject).toMatch(/^tel:[0-9a-f]{32}$/)
    // The longest session, and a minute to spare.
    expect(caller.identity.expiresAtMs - before).toBeGreaterThanOrEqual(120_000)
    expect(caller.identity.expiresAtMs - before).toBeLessThan(125_000)
    expect(caller.chosen.name).toBe('sales')
    expect(lab.counted).toEqual(['call acs'])
    caller.release()
  })

  it('leaves nothing to the client that a caller does not have', async () => {
    const own = {
      relayEvents: true,
      clientTools: true,
      clientMaySeedHistory: true,
      limits: { ...profile().limits, resumeMs: 60_000 },
      tools: [tool('weather'), tool('screen', 'client')],
    }
    const session = { output_modalities: ['audio'], audio: { input: { format: { type: 'audio/pcma' }, turn_detection: { type: 'server_vad' } }, output: { voice: 'marin' } } }
    const { desk: phone, opened } = desk({ profile: { ...own, session } })
    for (const format of ['pcm', 'pcmu'] as const) await phone.answer(ring(), fakeLine(), fakeFraming(format))
    const [pcm, ulaw] = opened as [Opened, Opened]
    const any = await phone.admit(ring({ from: '+4930999' }))
    expect(pcm.profile.session).toEqual({
      output_modalities: ['audio'],
      audio: {
        input: { format: { type: 'audio/pcm', rate: 24_000 }, turn_detection: { type: 'server_vad' } },
        output: { voice: 'marin', format: { type: 'audio/pcm', rate: 24_000 } },
      },
    })
    expect(ulaw.profile.session).toMatchObject({ audio: { input: { format: { type: 'audio/pcmu' } }, output: { format: { type: 'audio/pcmu' } } } })
    expect(any.profile.session).toEqual(session)
    expect(any.chosen.session).toEqual(session)
    expect(pcm.profile).toMatchObject({ relayEvents: false, clientTools: false, clientMaySeedHistory: false, interruption: { bargeIn: 'allow', truncate: 'relay' } })
    expect(any.profile.interruption).toBeUndefined()
    expect(pcm.profile.limits.resumeMs).toBe(0)
    expect(pcm.profile.clientMaySet.size).toBe(0)
    expect(pcm.profile.tools.map(({ definition }) => definition.name)).toEqual(['weather'])
    for (const { onEnd } of opened) onEnd()
  })

  it('refuses by the first reason of its order', async () => {
    const lab = desk({
      maxSessions: 1,
      config: {
        profiles: { '+493012345678': 'default' },
        callers: { allow: undefined, deny: ['+666*'] },
        limits: { perCaller: 1, withheld: 1, perNumber: 1, total: 1, perCallerPerHour: 2 },
      },
    })
    const { state } = lab
    const call = (rest = {}) => refusal(lab.desk.admit(ring(rest)))
    Object.assign(state, { draining: true, unaudited: true, overloaded: true, sessions: 1 })
    expect(await call({ to: '+1234567', from: '+666123' })).toBe('draining draining')
    state.draining = false
    expect(await call({ to: '+1234567', from: '+666123' })).toBe('audit_unavailable audit')
    state.unaudited = false
    expect(await call({ to: '+1234567', from: '+666123' })).toBe('overloaded memory')
    state.overloaded = false
    expect(await call({ to: '+1234567', from: '+666123' })).toBe('not_found number_without_profile')
    expect(await call({ from: '+666123' })).toBe('forbidden caller_denied')
    expect(await call()).toBe('too_many_sessions process_full')
    state.sessions = 0
    state.quota = [{ rule: { of: 'responses', per: 'day', max: 1 }, used: 1, remaining: 0, resetsAt: undefined }] as never
    expect(await call()).toBe('admitted')
    expect(await call()).toBe('rate_limited caller_rate')
    expect(lab.counted).toEqual([
      'refused draining',
      'refused audit_unavailable',
      'refused overloaded',
      'refused not_found',
      'refused forbidden',
      'refused too_many_sessions',
      'call acs',
      'refused rate_limited',
    ])
    expect(lab.logged.join('\n')).not.toMatch(/\+|4915112345678|493012345678|666123/)
  })

  it.each(['acs', 'twilio', 'sip'] as const)('has the audit tell of a refused call by %s, with its code and carrier alone', async (carrier) => {
    const lab = desk({ config: { callers: { allow: undefined, deny: ['+666*'] } } })
    expect(await refusal(lab.desk.admit(ring({ carrier, from: '+666123' })))).toBe('forbidden caller_denied')
    lab.state.refusesSessions = true
    expect(await refusal(lab.desk.answer(ring({ carrier }), fakeLine(), fakeFraming()))).toBe('internal admission_failed')
    expect(lab.audited).toEqual([
      ['refused', { code: 'forbidden', carrier }],
      ['refused', { code: 'internal', carrier }],
    ])
  })

  it('refuses a spent quota before anything is dialled, and then its places are free', async () => {
    const quota = { rules: [{ of: 'responses', per: 'day', max: 1 }], failOpen: false, currency: undefined } as never
    const lab = desk({ profile: { quota }, config: { limits: { perCaller: 1, withheld: 1, perNumber: 1, total: 1, perCallerPerHour: 20 } } })
    lab.state.quota = [{ of: 'responses', per: 'day', max: 1, used: 1, remaining: 0, resetsAt: Date.now() + 5_000 }] as never
    const spent = await lab.desk.answer(ring(), fakeLine(), fakeFraming()).catch((error: RefusalError) => error)
    expect(spent).toMatchObject({ code: 'budget_spent' })
    expect((spent as RefusalError).retryAfterSeconds).toBeGreaterThan(3)
    lab.state.quota = undefined
    expect(await refusal(lab.desk.admit(ring()))).toBe('internal quota_unknown')
    expect(lab.opened).toEqual([])
    lab.state.quota = []
    expect(await refusal(lab.desk.admit(ring()))).toBe('admitted')
  })

  it('counts calls of a caller, of a number, of those without one, and of all, and frees them once', async () => {
    const lab = desk({ config: { limits: { perCaller: 2, withheld: 1, perNumber: 3, total: 4, perCallerPerHour: 100 } } })
    const admit = (rest = {}) => lab.desk.admit(ring(rest))
    const [first] = [await admit(), await admit()]
    expect(await refusal(admit())).toBe('too_many_sessions caller_full')
    const withheld = await admit({ from: undefined })
    expect(await refusal(admit({ from: 'anonymous', to: '+4930777' }))).toBe('too_many_sessions caller_full')
    expect(await refusal(admit({ from: '+4930111' }))).toBe('too_many_sessions number_full')
    await admit({ from: '+4930111', to: '+4930777' })
    expect(await refusal(admit({ from: '+4930222', to: '+4930888' }))).toBe('too_many_sessions calls_full')
    expect(lab.desk.size).toBe(4)
    withheld.release()
    withheld.release()
    expect(lab.desk.size).toBe(3)
    expect(await refusal(admit({ from: '+4930222', to: '+4930888' }))).toBe('admitted')
    expect(await refusal(admit({ from: '+4930333', to: '+4930888' }))).toBe('too_many_sessions calls_full')
    first?.release()
    expect(await refusal(admit())).toBe('admitted')
  })

  it('counts calls in an hour', async () => {
    const lab = desk({ config: { limits: { perCaller: 100, withheld: 3, perNumber: 100, total: 100, perCallerPerHour: 2 } } })
    const admit = (from: string | undefined) => refusal(lab.desk.admit(ring({ from })))
    expect([await admit('+4930111'), await admit('+49 30 111'), await admit('+4930111')]).toEqual(['admitted', 'admitted', 'rate_limited caller_rate'])
    expect(await admit('+4930222')).toBe('admitted')
  })

  it('refuses whom an operator revoked, before the checks and after them', async () => {
    const store = memoryStore()
    const lab = openDesk(store)
    const { identity, release } = await lab.desk.admit(ring())
    release()
    await store.revocations.revoke({ subject: identity.subject }, Date.now() + 60_000)
    expect(await refusal(lab.desk.admit(ring()))).toBe('forbidden revoked')
    expect(await refusal(lab.desk.admit(ring({ from: '+4930111' })))).toBe('admitted')
  })

  it('a profile that is not there any more refuses, and so does what nobody expected', async () => {
    const gone = desk({
      profileFor: () => {
        throw new RefusalError('forbidden', 'unknown_profile')
      },
    })
    expect(await refusal(gone.desk.admit(ring()))).toBe('forbidden unknown_profile')
    const broken = desk({
      profileFor: () => {
        throw new Error('+4915112345678')
      },
    })
    expect(await refusal(broken.desk.admit(ring()))).toBe('internal admission_failed')
    expect(broken.counted).toEqual(['refused internal'])
    expect(broken.desk.size).toBe(0)
  })

  it('drains while it checks: nobody comes in', async () => {
    const store = memoryStore()
    const lab = openDesk(store)
    const admitted = refusal(lab.desk.admit(ring()))
    lab.state.draining = true
    expect(await admitted).toBe('draining draining')
  })

  it('is bounded by the sessions of the process, those that are being admitted included', async () => {
    const lab = desk({ maxSessions: 3, config: { limits: { perCaller: 99, withheld: 1, perNumber: 99, total: 99, perCallerPerHour: 99 } } })
    lab.state.sessions = 1
    const all = await Promise.all(Array.from({ length: 6 }, () => refusal(lab.desk.admit(ring()))))
    expect(all.filter((one) => one === 'admitted').length).toBeLessThanOrEqual(2)
    expect(new Set(all.filter((one) => one !== 'admitted'))).toEqual(new Set(['too_many_sessions process_full']))
  })
})

describe('an answered call', () => {
  it('has an open session before its socket, and is over with it', async () => {
    const lab = desk({ config: { profiles: { '*': 'sales' } } })
    const line = fakeLine()
    const call = await lab.desk.answer(ring(), line, fakeFraming())
    const [session] = lab.opened
    expect(session).toMatchObject({ sessionId: call.sessionId, dialect: 'ga', requestedModel: undefined, phone: { carrier: 'acs', transferTo: { desk: '+4930555' } } })
    const heard: string[] = []
    session?.client.onFrame((frame) => heard.push(frame.toString()))
    session?.client.resume()
    const { link, peer } = memoryPair()
    expect(call.attach(link)).toBe(true)
    peer.send('a0:AAAA')
    await settle()
    expect(heard).toEqual(['{"type":"input_audio_buffer.append","audio":"AAAA"}'])
    expect(lab.desk.size).toBe(1)
    session?.client.close(4410, 'over')
    session?.onEnd()
    expect([lab.desk.size, line.asked]).toEqual([0, ['hang up']])
    await call.ended
    expect(call.attach(memoryPair().link)).toBe(false)
  })

  it('whose session cannot be opened is refused, and leaves nothing behind', async () => {
    const lab = desk()
    lab.state.refusesSessions = true
    const line = fakeLine()
    expect(await refusal(lab.desk.answer(ring(), line, fakeFraming()))).toBe('internal admission_failed')
    expect([lab.desk.size, line.asked]).toEqual([0, []])
    lab.state.refusesSessions = false
    lab.state.endsAtStart = true
    expect(await refusal(lab.desk.answer(ring(), line, fakeFraming()))).toBe('session_over ended_at_start')
    expect([lab.desk.size, line.asked]).toEqual([0, []])
    lab.state.endsAtStart = false
    expect(await refusal(lab.desk.answer(ring(), line, fakeFraming()))).toBe('admitted')
  })

  it('that nobody comes for is hung up, its ticket is of no use, and its places are free', async () => {
    const lab = desk({ waitMs: 50 })
    const line = fakeLine()
    const call = await lab.desk.answer(ring(), line, fakeFraming())
    const ticket = await lab.desk.ticketFor(call, ring())
    lab.opened[0]?.client.onClose(() => lab.opened[0]?.onEnd())
    await vi.waitFor(() => expect(line.asked).toEqual(['hang up']), { timeout: 5_000 })
    expect(lab.desk.size).toBe(0)
    expect(await lab.desk.redeem(ticket, () => ({ line: fakeLine(), framing: fakeFraming() }))).toBeUndefined()
    expect(lab.opened).toHaveLength(1)
  })
})

describe('a ticket', () => {
  const never = () => {
    throw new Error('the call is here')
  }

  it('has 128 random bits, opens its own call, once, and nothing of it is in the store as it is', async () => {
    const store = memoryStore()
    const lab = openDesk(store)
    const kept: string[] = []
    const { keep } = store.tickets
    const watched = (name: string, sealed: Buffer, ms: number) => {
      kept.push(name, sealed.toString('latin1'))
      return keep(name, sealed, ms)
    }
    Object.assign(store.tickets, { keep: watched })
    const [one, other] = [ring({ carrierCallId: 'one' }), ring({ carrierCallId: 'other' })]
    const calls = [await lab.desk.answer(one, fakeLine(), fakeFraming()), await lab.desk.answer(other, fakeLine(), fakeFraming())]
    const tickets = [await lab.desk.ticketFor(calls[0] as never, one), await lab.desk.ticketFor(calls[1] as never, other)]
    for (const ticket of tickets) expect(ticket).toMatch(/^[\w-]{22}$/)
    expect(kept.join()).not.toMatch(/one|other|4915112345678|493012345678/)
    for (const ticket of tickets) expect(kept.join()).not.toContain(ticket)
    const found = await lab.desk.redeem(tickets[1] ?? '', never)
    expect(found).toEqual({ ring: other, call: calls[1] })
    for (const ticket of [tickets[1] ?? '', '', 'x'.repeat(10_000), `${tickets[0]}x`, '../../etc']) expect(await lab.desk.redeem(ticket, never)).toBeUndefined()
    expect((await lab.desk.redeem(tickets[0] ?? '', never))?.ring.carrierCallId).toBe('one')
  })

  it('is good for thirty seconds', async () => {
    const lab = desk()
    lab.state.now = Date.now()
    const call = await lab.desk.answer(ring(), fakeLine(), fakeFraming())
    const [early, late] = [await lab.desk.ticketFor(call, ring()), await lab.desk.ticketFor(call, ring())]
    lab.state.now += 29_999
    expect(await lab.desk.redeem(early, never)).toBeDefined()
    lab.state.now += 1
    expect(await lab.desk.redeem(late, never)).toBeUndefined()
  })

  it('of a call that is over opens no other', async () => {
    const lab = desk()
    const call = await lab.desk.answer(ring(), fakeLine(), fakeFraming())
    const ticket = await lab.desk.ticketFor(call, ring())
    call.over()
    const found = await lab.desk.redeem(ticket, never)
    expect(found?.call.attach(memoryPair().link)).toBe(false)
    expect(lab.opened).toHaveLength(1)
  })

  it('that is asked for too late opens nothing, and leaves no timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    try {
      const lab = desk()
      const call = await lab.desk.answer(ring(), fakeLine(), fakeFraming())
      lab.opened[0]?.client.onClose(() => lab.opened[0]?.onEnd())
      await lab.desk.ticketFor(call, ring())
      call.over()
      expect(await lab.desk.redeem(await lab.desk.ticketFor(call, ring()), never)).toBeUndefined()
      await vi.advanceTimersByTimeAsync(1_000)
      // What is left forgets the first ticket, after its time.
      await vi.advanceTimersByTimeAsync(60_000)
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('whose use here the store has not told yet is not taken for used elsewhere', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    try {
      const store = memoryStore()
      const lab = openDesk(store, { lookMs: 20 })
      const call = await lab.desk.answer(ring(), fakeLine(), fakeFraming())
      const ticket = await lab.desk.ticketFor(call, ring())
      let told: () => void = () => undefined
      const { take } = store.tickets
      const slow = async (name: string) => {
        const found = await take(name)
        await new Promise<void>((resolve) => {
          told = resolve
        })
        return found
      }
      Object.assign(store.tickets, { take: slow })
      const redeemed = lab.desk.redeem(ticket, never)
      await vi.advanceTimersByTimeAsync(100)
      told()
      expect((await redeemed)?.call.attach(memoryPair().link)).toBe(true)
      lab.opened[0]?.onEnd()
    } finally {
      vi.useRealTimers()
    }
  })

  it('used here while nobody has come for long enough does not make the call one of elsewhere', async () => {
    const store = memoryStore()
    const lab = openDesk(store, { waitMs: 20, lookMs: 10_000 })
    const line = fakeLine()
    const call = await lab.desk.answer(ring(), line, fakeFraming())
    const ticket = await lab.desk.ticketFor(call, ring())
    lab.opened[0]?.client.onClose(() => lab.opened[0]?.onEnd())
    const { has } = store.tickets
    let redeemed: Promise<unknown> = Promise.resolve()
    const overtaken = async (name: string) => {
      const isThere = await has(name)
      redeemed = lab.desk.redeem(ticket, never)
      await redeemed
      return isThere
    }
    Object.assign(store.tickets, { has: overtaken })
    await vi.waitFor(() => expect(lab.desk.size).toBe(0), { timeout: 5_000 })
    expect(await redeemed).toBeDefined()
    expect(line.asked).toEqual(['hang up'])
  })

  it('that is of no use here, since another has it, is followed again', async () => {
    const store = memoryStore()
    const [here, there] = [openDesk(store, { lookMs: 20 }), openDesk(store)]
    const line = fakeLine()
    const call = await here.desk.answer(ring(), line, fakeFraming())
    const ticket = await here.desk.ticketFor(call, ring())
    const left = new Promise<number>((resolve) =>
      here.opened[0]?.client.onClose((code) => {
        here.opened[0]?.onEnd()
        resolve(code)
      }),
    )
    const found = await Promise.all([there.desk.redeem(ticket, () => ({ line: fakeLine(), framing: fakeFraming() })), here.desk.redeem(ticket, never)])
    expect(found.map((one) => one !== undefined)).toEqual([true, false])
    expect([await left, line.asked]).toEqual([1000, []])
    there.opened[0]?.onEnd()
  })

  it('that nobody used and the store forgot does not end a call', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
    try {
      const lab = desk()
      const line = fakeLine()
      const call = await lab.desk.answer(ring(), line, fakeFraming())
      const [used] = [await lab.desk.ticketFor(call, ring()), await lab.desk.ticketFor(call, ring())]
      const { link, peer } = memoryPair()
      expect((await lab.desk.redeem(used, never))?.call.attach(link)).toBe(true)
      await vi.advanceTimersByTimeAsync(120_000)
      peer.destroy()
      await settle()
      await vi.advanceTimersByTimeAsync(4_000)
      expect([lab.desk.size, line.asked]).toEqual([1, []])
      await vi.advanceTimersByTimeAsync(2_000)
      expect(line.asked).toEqual(['hang up'])
      lab.opened[0]?.onEnd()
    } finally {
      vi.useRealTimers()
    }
  })

  it('opens the call on whichever instance it comes to, once; the one that answered lets go and hangs nobody up', async () => {
    const [near, far] = await redisStores(2)
    const limits = { perCaller: 1, withheld: 1, perNumber: 1, total: 1, perCallerPerHour: 1 }
    const [here, there] = [openDesk(near as Store, { config: { limits }, lookMs: 20 }), openDesk(far as Store, { config: { limits } })]
    const [ours, theirs] = [fakeLine(), fakeLine()]
    const call = await here.desk.answer(ring(), ours, fakeFraming())
    const ticket = await here.desk.ticketFor(call, ring())
    const left = new Promise<number>((resolve) =>
      here.opened[0]?.client.onClose((code) => {
        here.opened[0]?.onEnd()
        resolve(code)
      }),
    )
    const rang: unknown[] = []
    const make = (rung: unknown) => {
      rang.push(rung)
      return { line: theirs, framing: fakeFraming() }
    }
    const tries = await Promise.all([1, 2, 3].map(() => there.desk.redeem(ticket, make)))
    expect(rang).toEqual([ring()])
    const [found, ...more] = tries.filter((one) => one !== undefined)
    expect(more).toEqual([])
    expect(found?.call.sessionId).not.toBe(call.sessionId)
    expect(there.opened).toHaveLength(1)
    expect(there.opened[0]?.identity.subject).toBe(here.opened[0]?.identity.subject)
    expect(found?.call.attach(memoryPair().link)).toBe(true)
    expect(await left).toBe(1000)
    expect([here.desk.size, there.desk.size, ours.asked, theirs.asked]).toEqual([0, 1, [], []])
    // Its place is that of the caller, and no second call of this one comes in.
    expect(await refusal(there.desk.admit(ring()))).toMatch(/^rate_limited/)
    there.opened[0]?.client.close(4410, '')
    there.opened[0]?.onEnd()
    expect(theirs.asked).toEqual(['hang up'])
  })

  it('that cannot be taken up elsewhere hangs the caller up there', async () => {
    const [near, far] = await redisStores(2)
    const [here, there] = [openDesk(near as Store, { lookMs: 20 }), openDesk(far as Store)]
    const call = await here.desk.answer(ring(), fakeLine(), fakeFraming())
    const ticket = await here.desk.ticketFor(call, ring())
    const line = fakeLine()
    there.state.refusesSessions = true
    expect(await refusal(there.desk.redeem(ticket, () => ({ line, framing: fakeFraming() })))).toBe('internal admission_failed')
    expect(line.asked).toEqual(['hang up'])
    call.over()
  })

  it('keeps working in one process if it cannot be written to Redis', async () => {
    const store = createRedisStore({ url: new Secret('redis://127.0.0.1:1'), keyPrefix: uniquePrefix(), usageRetentionDays: 2 })
    closers.push(() => store.close(0))
    const lab = openDesk(store)
    const call = await lab.desk.answer(ring(), fakeLine(), fakeFraming())
    const ticket = await lab.desk.ticketFor(call, ring())
    expect((await lab.desk.redeem(ticket, never))?.call).toBe(call)
    expect(await lab.desk.redeem(ticket, never)).toBeUndefined()
    call.over()
  })
})

describe('over Redis', () => {
  it('places and hours of a caller are counted over all instances', async () => {
    const [near, far] = await redisStores(2)
    const config = { limits: { perCaller: 2, withheld: 5, perNumber: 50, total: 100, perCallerPerHour: 3 } }
    const desks = [openDesk(near as Store, { config }), openDesk(far as Store, { config })]
    const admitted: AdmittedPhoneCaller[] = []
    for (const { desk: one } of desks) admitted.push(await one.admit(ring()))
    expect(await refusal((desks[0] as never as { desk: { admit: (r: unknown) => Promise<unknown> } }).desk.admit(ring()))).toBe('too_many_sessions caller_full')
    admitted[1]?.release()
    await vi.waitFor(async () => expect(await refusal(desks[0]?.desk.admit(ring()) as Promise<unknown>)).toMatch(/rate_limited/), { timeout: 5_000 })
  })

  it('what carriers deliver twice is first once', async () => {
    const [near, far] = await redisStores(2)
    const desks = [openDesk(near as Store), openDesk(far as Store)]
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => desks[i % 2]?.desk.isFirst('twilio CA1', 60_000)))
    expect(answers.filter((first) => first)).toHaveLength(1)
    expect(await desks[0]?.desk.isFirst('twilio CA2', 60_000)).toBe(true)
  })
})
