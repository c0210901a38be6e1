// What of limits and usage a live session writes down, whenever and in whatever shape it comes; the client sees none of it.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { LimitReport } from '../../src/ports/store.js'
import { settle } from '../support/memory-link.js'
import { ev, updated } from '../support/playbook.js'
import { type Lab, NOW, openLab } from '../support/relay-lab.js'

afterEach(() => vi.useRealTimers())

async function liveLab(options: Parameters<typeof openLab>[0] = {}): Promise<Lab> {
  const lab = openLab(options)
  await lab.live()
  return lab
}

const limits = (entries: unknown) => ({ type: 'rate_limits.updated', event_id: 'e', rate_limits: entries })
const byProvider = (lab: Lab): readonly LimitReport[] => lab.limits.filter((report) => report.source !== 'usage')

describe('rate_limits.updated', () => {
  const shapes: readonly (readonly [string, unknown, readonly object[]])[] = [
    [
      'tokens and no requests',
      [{ name: 'tokens', limit: 15_000_000, remaining: 14_998_954, reset_seconds: 0.004 }],
      [{ name: 'tokens', limit: 15_000_000, remaining: 14_998_954, resetSeconds: 0.004 }],
    ],
    [
      'both',
      [
        { name: 'requests', limit: 1000, remaining: 999, reset_seconds: 60 },
        { name: 'tokens', limit: 5, remaining: 0, reset_seconds: 60 },
      ],
      [
        { name: 'requests', limit: 1000, remaining: 999, resetSeconds: 60 },
        { name: 'tokens', limit: 5, remaining: 0, resetSeconds: 60 },
      ],
    ],
    ['a name of next year', [{ name: 'audio_minutes', remaining: 3 }], [{ name: 'audio_minutes', remaining: 3 }]],
    [
      'broken entries beside a good one',
      [null, 7, {}, { name: 7 }, { name: 'a b' }, { name: 'tokens', limit: 'many', remaining: 5, reset_seconds: null }],
      [{ name: 'tokens', remaining: 5 }],
    ],
  ]
  for (const [name, entries, recorded] of shapes) {
    it(`with ${name}`, async () => {
      const lab = await liveLab()
      lab.upstream.say(limits(entries))
      expect(await lab.client.rest()).toEqual([])
      expect(byProvider(lab)).toEqual([{ deployment: 'secret-deployment', source: 'event', at: NOW, sessionId: 'sess-4711', subject: 'alice', limits: recorded }])
    })
  }

  it('that says nothing is not written down', async () => {
    const lab = await liveLab()
    for (const entries of [[], null, 'full', {}, [{ name: '' }]]) lab.upstream.say(limits(entries))
    lab.upstream.say({ type: 'rate_limits.updated', event_id: 'e' })
    await settle()
    expect(byProvider(lab)).toEqual([])
    expect(lab.ended()).toBe(0)
  })

  it('before the session is live, in the middle of a response and with the close is not lost', async () => {
    const lab = openLab()
    lab.upstream.say({ type: 'session.created', session: {} })
    await lab.upstream.hear()
    lab.upstream.say(limits([{ name: 'tokens', remaining: 3 }]))
    lab.upstream.say(updated(lab.owned))
    await lab.client.hear()
    lab.upstream.say(ev.created('r'))
    lab.upstream.say(limits([{ name: 'tokens', remaining: 2 }]))
    lab.upstream.say(ev.done('r'))
    lab.upstream.say(limits([{ name: 'tokens', remaining: 1 }]))
    lab.upstream.close(1001)
    await lab.client.closed
    expect(byProvider(lab).map((report) => report.limits[0]?.remaining)).toEqual([3, 2, 1])
  })

  it('is shown only where the operator wants it, as it came', async () => {
    const lab = await liveLab({ profile: { forwardRateLimits: true } })
    const text = lab.upstream.say(limits([{ name: 'tokens', remaining: 3 }]))
    expect(await lab.client.rest()).toEqual([text])
    expect(byProvider(lab)).toHaveLength(1)
  })
})

describe('usage', () => {
  const done = (id: string, usage: unknown) => {
    const event = ev.done(id)
    return { ...event, response: { ...event.response, usage } }
  }
  const responses = (lab: Lab) => lab.usage.filter((report) => report.counters.responses !== undefined)

  it('of a response without numbers is one response', async () => {
    const lab = await liveLab()
    lab.upstream.say(done('r', {}))
    await settle()
    expect(responses(lab)).toMatchObject([{ onceId: 'r', counters: { responses: 1 } }])
  })

  it('in odd shapes adds nothing that is no number', async () => {
    const lab = await liveLab()
    lab.upstream.say(done('r', { input_tokens: '5', output_tokens: -3, input_token_details: [1], output_token_details: { audio_tokens: null, text_tokens: 2 } }))
    await settle()
    expect(responses(lab).map((report) => report.counters)).toEqual([{ responses: 1, output_text_tokens: 2 }])
  })

  it('that is null or missing is nothing', async () => {
    const lab = await liveLab()
    lab.upstream.say(done('r', null))
    lab.upstream.say(ev.done('r2'))
    await settle()
    expect(responses(lab)).toEqual([])
  })

  it('of a response the client never saw counts too, and so does that of its answer', async () => {
    const lab = await liveLab()
    const call = ev.call('c', 'get_weather')
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
    lab.upstream.say(ev.created('r1'))
    lab.upstream.say(ev.itemDone('r1', call))
    lab.upstream.say({ ...ev.done('r1', [call]), response: { ...ev.done('r1', [call]).response, usage } })
    await settle()
    lab.tools[0]?.finish()
    await lab.upstream.rest()
    lab.upstream.say(ev.created('r2'))
    lab.upstream.say(done('r2', usage))
    await settle()
    expect(responses(lab).map((report) => report.onceId)).toEqual(['r1', 'r2'])
    expect((await lab.client.types()).filter((type) => type === 'response.done')).toHaveLength(1)
  })
})
