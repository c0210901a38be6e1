// What the client has played: by a clock that runs while there is audio, or by its link's own word; and what core is told of it.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { tickInput } from '../../src/relay/loss-inputs.js'
import { createPlaybackLedger, type PlaybackLedger, type PlayingSession } from '../../src/relay/playback-ledger.js'
import type { RelayedSession } from '../../src/relay/session.js'
import { ev, profile } from '../support/playbook.js'
import { type LabOptions, openLab } from '../support/relay-lab.js'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const INTERRUPTION = { bargeIn: 'allow', truncate: 'relay' } as const
const audio = (itemId: string, forMs: number, responseId = 'r1') =>
  Buffer.from(
    JSON.stringify({
      ...{ type: 'response.output_audio.delta', event_id: 'e', response_id: responseId, item_id: itemId, output_index: 0, content_index: 0 },
      delta: Buffer.alloc(forMs * 48).toString('base64'),
    }),
  )

interface Lab {
  readonly ledger: PlaybackLedger
  now: number
  /** What the link says was played. */
  played: number | undefined
  clears: number
}

function lab(linkSays = false): Lab {
  const self = { now: 1000, played: linkSays ? 0 : undefined, clears: 0 } as { -readonly [K in keyof Lab]: Lab[K] }
  const playback = linkSays ? { doneBytes: () => self.played ?? 0, clear: () => void self.clears++ } : undefined
  const session = {
    opened: { client: { playback }, profile: profile({ interruption: INTERRUPTION }), phone: undefined, call: undefined, recorder: { note: () => undefined } },
    ledger: { media: { outputBytesPerSecond: 48_000 } },
    clock: () => self.now,
  } as unknown as PlayingSession
  const ledger = createPlaybackLedger(session)
  if (!ledger) throw new Error('no ledger')
  return Object.assign(self, { ledger })
}

describe('without a word of the link', () => {
  it('a clock runs from the first audio on, waits where there is none, and begins again with the next', () => {
    const one = lab()
    one.ledger.passes(audio('a', 100), undefined)
    one.now += 60
    expect(one.ledger.unheardMs(one.now)).toBe(40)
    one.ledger.passes(audio('a', 100), undefined)
    expect(one.ledger.unheardMs(one.now)).toBe(140)
    one.now += 1000
    expect(one.ledger.unheard(one.now)).toEqual([])
    one.ledger.passes(audio('b', 100), undefined)
    expect(one.ledger.unheard(one.now)).toEqual([{ responseId: 'r1', itemId: 'b', contentIndex: 0, heardMs: 0, sentMs: 100 }])
    one.now += 20
    expect(one.ledger.playedMs(one.now)).toBe(220)
  })

  it('what is cleared is not played on, and what follows is played at once', () => {
    const one = lab()
    one.ledger.passes(audio('a', 1000), undefined)
    one.now += 100
    one.ledger.clear()
    expect(one.ledger.unheardMs(one.now)).toBe(0)
    one.ledger.passes(audio('b', 100, 'r2'), undefined)
    one.now += 30
    expect(one.ledger.unheard(one.now)).toMatchObject([{ itemId: 'b', heardMs: 30 }])
  })

  it('audio of a response that nobody is to hear does not pass, and is known', () => {
    const one = lab()
    expect(one.ledger.passes(audio('a', 100), undefined)).toBe(true)
    one.ledger.clear()
    expect(one.ledger.passes(audio('a', 100), 'r1')).toBe(false)
    expect(one.ledger.passes(audio('b', 100), 'r1')).toBe(false)
    expect(one.ledger.passes(audio('c', 100, 'r2'), 'r1')).toBe(true)
    expect(one.ledger.unheard(one.now)).toMatchObject([
      { itemId: 'b', heardMs: 0, sentMs: 0 },
      { itemId: 'c', heardMs: 0, sentMs: 100 },
    ])
  })
})

describe('a client that is away', () => {
  it('plays what it has, and the rest once it is back', () => {
    const one = lab()
    one.ledger.passes(audio('a', 100), undefined)
    one.now += 40
    one.ledger.follow(true)
    one.ledger.passes(audio('a', 200), undefined)
    one.now += 30
    expect(one.ledger.unheard(one.now)).toMatchObject([{ heardMs: 70, sentMs: 300 }])
    one.now += 5000
    expect(one.ledger.unheard(one.now)).toMatchObject([{ heardMs: 100, sentMs: 300 }])
    one.ledger.follow(false)
    one.now += 50
    expect(one.ledger.unheard(one.now)).toMatchObject([{ heardMs: 150, sentMs: 300 }])
    one.ledger.follow(true)
    one.ledger.clear()
    one.ledger.passes(audio('b', 100), undefined)
    one.now += 80
    expect(one.ledger.unheard(one.now)).toMatchObject([{ itemId: 'b', heardMs: 0 }])
    one.ledger.follow(false)
    one.now += 80
    expect(one.ledger.unheard(one.now)).toMatchObject([{ itemId: 'b', heardMs: 80 }])
  })
})

describe('a link that says what was played', () => {
  it('is believed, but for more than was sent', () => {
    const one = lab(true)
    one.ledger.passes(audio('a', 100), undefined)
    one.now += 5000
    expect(one.ledger.unheardMs(one.now)).toBe(100)
    one.played = 480
    expect(one.ledger.unheard(one.now)).toMatchObject([{ itemId: 'a', heardMs: 10, sentMs: 100 }])
    one.played = 1_000_000
    expect(one.ledger.unheard(one.now)).toEqual([])
    one.ledger.passes(audio('b', 100), undefined)
    one.ledger.clear()
    expect(one.clears).toBe(1)
  })
})

describe('a session', () => {
  const speaking = { type: 'response.output_audio.delta', event_id: 'e', response_id: 'r1', item_id: 'a', output_index: 0, content_index: 0 }
  /** What core hears at a tick 30 ms after 100 ms of audio have come. */
  async function tickOf(change: LabOptions): Promise<object> {
    const one = openLab(change)
    await one.live()
    one.upstream.say(ev.created('r1'))
    one.upstream.say({ ...speaking, delta: Buffer.alloc(4800).toString('base64') })
    await one.client.rest()
    await one.pass(30)
    const [session] = one.relay.sessions.all()
    return tickInput(0, (session as RelayedSession).state, undefined, session as RelayedSession)
  }

  it.each<[string, LabOptions]>([
    ['an interruption', { profile: { interruption: INTERRUPTION } }],
    ['manners', { profile: { manners: {} } }],
    ['a client of another dialect', { profile: { manners: {} }, clientDialect: 'preview' }],
    ['an upstream of another dialect', { profile: { manners: {} }, upstreamDialect: 'preview' }],
  ])('with %s tells core how much is unheard', async (_, change) => {
    const { upstreamDialect } = change
    if (upstreamDialect) speaking.type = 'response.audio.delta'
    expect(await tickOf(change)).toEqual({ type: 'tick', clientActiveAt: 0, unheardMs: 70 })
    speaking.type = 'response.output_audio.delta'
  })

  it('without any of them counts nothing', async () => {
    expect(await tickOf({})).toEqual({ type: 'tick', clientActiveAt: 0 })
  })
})
