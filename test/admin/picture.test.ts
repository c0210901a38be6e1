// One picture of many parts: sums, slots that are aligned by time, the order of sessions, and what is broken, worst first.
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createLimitHistory } from '../../src/admin/limit-history.js'
import { openStream } from '../../src/admin/live-stream.js'
import { MOST_SHOWN, pictureOf } from '../../src/admin/picture.js'
import type { LivePart } from '../../src/ports/live.js'
import type { Picture } from '../../src/ports/picture.js'
import type { LimitState } from '../../src/ports/store.js'
import { liveCounts, livePart, liveSession, NOW, SLOT } from '../support/live-part.js'

function picture(parts: Readonly<Record<string, LivePart | undefined>>, limits: readonly LimitState[] | undefined = [], shared = true): Picture {
  return pictureOf({ parts: new Map(Object.entries(parts)), shared, limits: new Map([['dep', limits]]), history: () => [], pseudonym: (subject) => `u-${subject}`, now: NOW })
}

const troubles = (seen: Picture) => seen.troubles.map(({ level, about, name, says }) => `${level} ${about} ${name} ${says}`.replaceAll('  ', ' '))

describe('a picture', () => {
  it('adds up what the relays say, in slots of the same time', () => {
    const ahead = { slot: SLOT + 1, opened: [1, 2, 3], closed: [0, 0, 1], answers: [0, 0, 0], problems: [0, 0, 1] }
    const behind = { slot: SLOT, opened: [10, 20, 30], closed: [0, 0, 0], answers: [0, 0, 5], problems: [0, 0, 0] }
    const seen = picture({
      a: livePart({ sessions: 5, turns: { idle: 4, waiting: 1 }, money: 1, currency: 'EUR', inputTokens: 7, counts: liveCounts({ slots: ahead, answers: { completed: 2 } }) }),
      b: livePart({ sessions: 60, turns: { idle: 60 }, money: 2, inputTokens: 3, counts: liveCounts({ slots: behind, answers: { completed: 1, failed: 1 } }) }),
    })
    expect(seen.slots.opened).toEqual([21, 32, 3])
    expect(seen.slots.answers).toEqual([0, 5, 0])
    expect(seen.slots.problems).toEqual([0, 0, 1])
    // 65 now; before the last slot 3 fewer had begun and 1 more was there; before that 32 fewer.
    expect(seen.slots.calls).toEqual([31, 63, 65])
    expect(seen.slots.from).toBe(new Date((SLOT - 1) * 10_000).toISOString())
    expect(seen).toMatchObject({ calls: { now: 65, most: 200, turns: { idle: 64, waiting: 1 } }, answers: { completed: 3, failed: 1 } })
    expect(seen.spent).toEqual({ inputTokens: 10, outputTokens: 0, money: 3, currency: 'EUR' })
  })

  it('lists those first that wait for longest, then the oldest, a thousand at most', () => {
    const listed = [
      liveSession({ id: 'young', since: NOW - 1000 }),
      liveSession({ id: 'old', since: NOW - 9000 }),
      liveSession({ id: 'waits', turn: 'waiting', turnSince: NOW - 2000 }),
      liveSession({ id: 'lost', turn: 'restoring', turnSince: NOW - 4000, firstAudioMs: 300 }),
    ]
    const many = Array.from({ length: MOST_SHOWN }, (_, index) => liveSession({ id: `m-${index}`, since: NOW - 5000 }))
    const seen = picture({ a: livePart({ listed }), b: livePart({ listed: many }) })
    expect(seen.sessions.slice(0, 3).map(({ id, relay, turnSeconds }) => [id, relay, turnSeconds])).toEqual([
      ['lost', 'a', 4],
      ['waits', 'a', 2],
      ['old', 'a', 1],
    ])
    expect(seen.sessions).toHaveLength(MOST_SHOWN)
    expect(seen.sessions[0]).toMatchObject({ user: 'u-alice', upstream: 'west', firstAudioMs: 300, money: null })
    expect(seen.firstAudio).toEqual({ count: 1, p50Ms: 300, p95Ms: 300 })
  })

  it('takes the median and the 95th of a hundred by nearest rank', () => {
    const listed = Array.from({ length: 100 }, (_, index) => liveSession({ id: `s-${index}`, firstAudioMs: index + 1 }))
    expect(picture({ a: livePart({ listed }) }).upstreams[0]?.firstAudio).toEqual({ count: 100, p50Ms: 50, p95Ms: 95 })
  })
})

describe('what is broken', () => {
  const quiet = livePart({ sessions: 1 })

  it('is nothing if all is well', () => {
    expect(picture({ a: quiet }).troubles).toEqual([])
  })

  it('comes before what is strained, and that before notes', () => {
    const upstream = { name: 'west', deployment: 'dep', freeFrom: NOW + 5000, dials: { opened: 1 } }
    const seen = picture(
      {
        a: livePart({
          status: 'down',
          checks: [{ name: 'auth', status: 'down', detail: 'no key' }],
          sessions: 100,
          turns: { restoring: 2 },
          upstreams: [{ ...upstream, breaker: 'open' }],
        }),
        b: livePart({ status: 'draining', sessions: 95, checks: [{ name: 'auth', status: 'down', detail: 'no key' }], upstreams: [{ ...upstream, breaker: 'half_open' }] }),
        c: undefined,
      },
      undefined,
      false,
    )
    expect(troubles(seen)).toEqual([
      'broken store Redis does not answer. This is one relay alone; the others are not seen, and limits hold in each by itself.',
      'broken relay a is full: 100 calls, and new callers are refused.',
      'broken relay c says nothing: it was killed, it hangs, or it has another version.',
      'broken check auth says: no key (2 relays)',
      'broken upstream west fails: 1 of 2 relays do not dial it.',
      'broken calls 2 calls lost the upstream and wait for another.',
      'strained relay b is nearly full: 95 of 100 calls.',
      'strained upstream west failed, and is tried again by 1 of 2 relays.',
      'note relay b is stopping; 95 calls left.',
    ])
  })

  it('an upstream that was not tried says so, a pause says how long', () => {
    const upstreams = [
      { name: 'new', deployment: 'other', breaker: 'closed' as const, freeFrom: 0, dials: {} },
      { name: 'west', deployment: 'dep', breaker: 'closed' as const, freeFrom: NOW + 4500, dials: { opened: 3 } },
    ]
    expect(troubles(picture({ a: livePart({ upstreams }) }))).toEqual([
      'strained upstream west asked for a pause of another 5 s.',
      'note upstream new was not tried yet: nobody knows whether it can be reached.',
    ])
  })

  it('a limit that is used up, or nearly, until it is full again', () => {
    const limit = (name: string, remaining: number, resetAt: number): LimitState => ({ name, remaining, limit: 100, resetAt, source: 'event', at: NOW - 1000 })
    expect(troubles(picture({ a: quiet }, [limit('requests', 0, NOW + 1000), limit('tokens', 9, NOW + 1000), limit('images', 10, NOW + 1000), limit('past', 0, NOW - 1)]))).toEqual(
      ['broken limit west requests is used up.', 'strained limit west tokens has 9 % left.'],
    )
  })

  it('calls that wait for long, and errors of the last five minutes alone', () => {
    const causes = [
      { kind: 'upstream lost', cause: 'closed', recent: 2, total: 9 },
      { kind: 'tool failed', cause: 'get_weather:timeout', recent: 0, total: 4 },
      { kind: 'caller refused', cause: 'rate_limited', recent: 7, total: 7 },
    ]
    const listed = [liveSession({ turn: 'waiting', turnSince: NOW - 6000 }), liveSession({ turn: 'waiting', turnSince: NOW - 4000 })]
    const seen = picture({ a: livePart({ listed, counts: liveCounts({ causes }) }) })
    expect(troubles(seen)).toEqual(['strained calls 1 call waits for longer than 5 s.', 'strained errors upstream lost 2 times in five minutes.'])
    expect(seen.errors.map(({ cause }) => cause)).toEqual(['rate_limited', 'closed', 'get_weather:timeout'])
  })
})

describe('the history of a limit', () => {
  it('begins with what the store kept, has one point in ten seconds, and forgets what is older than a quarter of an hour', async () => {
    let now = NOW
    const kept = [-1_000_000, -20_000, -19_000, -8000].map((ago, index) => ({ name: 'tokens', at: NOW + ago, remaining: 100 - index }))
    const history = createLimitHistory({ recordLimits: () => undefined, limitsOf: async () => [], historyOf: async () => kept }, () => now)
    const state = (remaining: number): LimitState => ({ name: 'tokens', remaining, source: 'event', at: now })
    await history.seen(new Map([['dep', [state(50)]]]))
    const amounts = () => history.of('dep', 'tokens').map(([, remaining]) => remaining)
    expect(amounts()).toEqual([98, 97, 50])
    now += 1000
    await history.seen(new Map([['dep', [state(49)]]]))
    now += 10_000
    await history.seen(new Map([['dep', [state(40)]]]))
    expect(amounts()).toEqual([98, 97, 49, 40])
    now += 890_001
    await history.seen(new Map([['dep', [state(30)]]]))
    expect(amounts()).toEqual([40, 30])
  })
})

describe('a reader of the stream that does not read', () => {
  it('gets no further picture until it has taken the last, and is given up after ten seconds', async () => {
    let now = 0
    const server = createServer()
    const opened = new Promise<ServerResponse>((resolve) => {
      server.on('request', (_request, response) => resolve(response))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const answered = new Promise<IncomingMessage>((resolve) => get(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, resolve))
    const rights = { acts: false, expiresAtMs: 8e15, isRevoked: () => false }
    let ended = false
    const watcher = openStream(
      await opened,
      rights,
      () => now,
      () => {
        ended = true
      },
    )
    const reader = await answered
    reader.on('error', () => undefined).pause()
    const large = { ...picture({}), at: 'x'.repeat(4_000_000) }
    expect(watcher.show(large)).toBe(true)
    const response = await opened
    const before = response.writableLength
    now = 9999
    expect(watcher.show(large)).toBe(true)
    expect(response.writableLength).toBe(before)
    now = 10_000
    expect(watcher.show(large)).toBe(false)
    const closed = new Promise<void>((resolve) => response.once('close', () => resolve()))
    watcher.end('slow')
    await closed
    expect(ended).toBe(true)
    reader.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
})
