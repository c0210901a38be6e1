// How sessions end: every end tells the client why by an error event and a close code, ends the other side, and is told to the recorder once.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { settle } from '../support/memory-link.js'
import { ev } from '../support/playbook.js'
import { type Lab, NOW, openLab } from '../support/relay-lab.js'

afterEach(() => vi.useRealTimers())

async function liveLab(options: Parameters<typeof openLab>[0] = {}): Promise<Lab> {
  const lab = openLab(options)
  await lab.live()
  return lab
}

async function endsWith(lab: Lab, code: string, close: number): Promise<void> {
  expect(await lab.client.hear()).toMatchObject({ type: 'error', event_id: expect.any(String), error: { code, message: expect.any(String) } })
  const seen = await lab.client.closed
  expect(seen.code).toBe(close)
  expect(seen.reason).toMatch(new RegExp(`^${code}: `))
  expect(lab.ended()).toBe(1)
  expect(lab.noted('session_closed')).toHaveLength(1)
}

describe('the upstream goes', () => {
  for (const [code, refusal, close] of [
    [1000, 'upstream_lost', 4502],
    [1005, 'upstream_lost', 4502],
    [1006, 'upstream_lost', 4502],
    [1011, 'upstream_lost', 4502],
    [4000, 'upstream_lost', 4502],
    [1001, 'session_over', 4410],
  ] as const) {
    it(`with ${code}: the client is closed as ${refusal}`, async () => {
      const lab = await liveLab()
      lab.upstream.close(code)
      await endsWith(lab, refusal, close)
    })
  }

  it('with the last of its events still passed on', async () => {
    const lab = await liveLab({ profile: { tools: [] } })
    lab.upstream.say(ev.created('r'))
    lab.upstream.say({ type: 'rate_limits.updated', event_id: 'e', rate_limits: [{ name: 'tokens', remaining: 5, limit: 10, reset_seconds: 1 }] })
    lab.upstream.close(1001)
    expect(await lab.client.hear()).toMatchObject({ type: 'response.created' })
    await endsWith(lab, 'session_over', 4410)
    expect(lab.limits).toMatchObject([{ deployment: 'secret-deployment', source: 'event', limits: [{ name: 'tokens', remaining: 5, limit: 10, resetSeconds: 1 }] }])
  })
})

describe('the client goes', () => {
  for (const code of [1000, 1001, 1005, 1006, 4000]) {
    it(`with ${code}: the upstream is closed, and nothing is sent to either`, async () => {
      const lab = await liveLab()
      lab.client.close(code)
      expect((await lab.upstream.closed).code).toBe(1000)
      await settle()
      expect(lab.ended()).toBe(1)
      expect(lab.noted('session_closed')).toMatchObject([{ code: 'client_left', why: 'client_left' }])
      expect(lab.relay.sessions.count).toBe(0)
    })
  }

  it('and its tools are aborted; what they find out is for nobody', async () => {
    const lab = await liveLab()
    lab.upstream.say(ev.created('r'))
    lab.upstream.say(ev.itemDone('r', ev.call('c', 'get_weather')))
    lab.upstream.say(ev.done('r', [ev.call('c', 'get_weather')]))
    await settle()
    const [tool] = lab.tools
    expect(tool?.context.signal.aborted).toBe(false)
    lab.client.destroy()
    await lab.upstream.closed
    expect(tool?.context.signal.aborted).toBe(true)
    tool?.finish({ outcome: 'aborted' })
    expect(await lab.upstream.rest()).toEqual([])
    expect(lab.ended()).toBe(1)
  })
})

describe('what the last answer used', () => {
  const used = { total_tokens: 9, input_tokens: 5, output_tokens: 4 }
  const counted = (lab: Lab) => lab.usage.filter((report) => report.counters.responses)

  it('is booked although the client left before its end: the answer is cancelled, and the upstream read on for it', async () => {
    const lab = await liveLab()
    lab.upstream.say(ev.created('r'))
    await settle()
    lab.client.close(1000)
    expect(await lab.upstream.hear()).toMatchObject({ type: 'response.cancel', response_id: 'r' })
    // The user's place is free, and the session is nobody's.
    expect(lab.ended()).toBe(1)
    expect(lab.noted('session_closed')).toMatchObject([{ code: 'client_left' }])
    const done = ev.done('r', [], 'cancelled')
    lab.upstream.say({ ...done, response: { ...done.response, usage: used } })
    expect((await lab.upstream.closed).code).toBe(1000)
    expect(counted(lab)).toMatchObject([{ onceId: 'r', counters: { responses: 1, input_tokens: 5, output_tokens: 4 } }])
    expect(lab.relay.sessions.count).toBe(0)
    expect(lab.ended()).toBe(1)
  })

  it('is booked of an answer that was asked for and begins only after the client left', async () => {
    const lab = await liveLab()
    lab.client.say({ type: 'response.create' })
    expect(await lab.upstream.hear()).toMatchObject({ type: 'response.create' })
    lab.client.destroy()
    await settle()
    lab.upstream.say(ev.created('late'))
    expect(await lab.upstream.hear()).toMatchObject({ type: 'response.cancel', response_id: 'late' })
    const done = ev.done('late', [], 'cancelled')
    lab.upstream.say({ ...done, response: { ...done.response, usage: used } })
    await lab.upstream.closed
    expect(counted(lab)).toMatchObject([{ onceId: 'late' }])
  })

  it('is estimated if the upstream does not say it within five seconds, and marked so', async () => {
    const lab = await liveLab()
    lab.upstream.say(ev.created('r'))
    await settle()
    lab.client.close(1000)
    await lab.pass(4_750)
    expect(lab.relay.sessions.count).toBe(1)
    await lab.pass(500)
    await lab.upstream.closed
    expect(counted(lab)).toMatchObject([{ counters: { responses: 1, estimated_responses: 1, output_tokens: 4096 } }])
    expect(lab.relay.sessions.count).toBe(0)
  })

  it('is estimated at once if the upstream is lost in the middle of it', async () => {
    const lab = await liveLab()
    lab.upstream.say(ev.created('r'))
    await settle()
    lab.upstream.destroy()
    await endsWith(lab, 'upstream_lost', 4502)
    expect(counted(lab)).toMatchObject([{ counters: { responses: 1, estimated_responses: 1 } }])
  })

  it('keeps its part of the quota until then, and no longer', async () => {
    const quota = { rules: [{ of: 'responses', per: 'day', max: 2 }], failOpen: false, currency: undefined } as const
    const lab = await liveLab({ profile: { quota } })
    lab.client.say({ type: 'response.create' })
    expect(await lab.upstream.hear()).toMatchObject({ type: 'response.create' })
    lab.upstream.say(ev.created('r'))
    await settle()
    lab.client.close(1000)
    await settle()
    expect(lab.released).toEqual([])
    const done = ev.done('r', [])
    lab.upstream.say({ ...done, response: { ...done.response, usage: used } })
    await lab.upstream.closed
    expect(counted(lab)).toHaveLength(1)
    expect(lab.released.length).toBeGreaterThan(0)
  })

  it('costs a client nothing that left in silence: its session ends at once', async () => {
    const lab = await liveLab()
    lab.client.close(1000)
    await lab.upstream.closed
    expect(counted(lab)).toEqual([])
  })
})

describe('time ends', () => {
  it('the token: 4401', async () => {
    const lab = await liveLab({ identity: { expiresAtMs: NOW + 60_000 } })
    await lab.pass(59_000)
    expect(lab.ended()).toBe(0)
    await lab.pass(1_250)
    await endsWith(lab, 'unauthenticated', 4401)
  })

  it('an idle session: 4408', async () => {
    const lab = await liveLab({ profile: { limits: { idleTimeoutMs: 30_000 } as never } })
    await lab.pass(20_000)
    lab.client.say({ type: 'input_audio_buffer.append', audio: 'AAAA' })
    await lab.pass(29_000)
    expect(lab.ended()).toBe(0)
    await lab.pass(1_500)
    await endsWith(lab, 'idle', 4408)
  })

  it('an idle session, counted from the end of its last answer', async () => {
    const lab = await liveLab({ profile: { limits: { idleTimeoutMs: 30_000 } as never } })
    await lab.pass(5_000)
    lab.upstream.say(ev.created('r1'))
    await lab.pass(60_000)
    expect(lab.ended()).toBe(0)
    lab.upstream.say(ev.done('r1'))
    expect([await lab.client.hear(), await lab.client.hear()]).toMatchObject([{ type: 'response.created' }, { type: 'response.done' }])
    await lab.pass(29_000)
    expect(lab.ended()).toBe(0)
    await lab.pass(1_500)
    await endsWith(lab, 'idle', 4408)
  })

  it('a long session: 4410', async () => {
    const lab = await liveLab({ profile: { limits: { maxSessionMs: 5_000 } as never } })
    await lab.pass(5_250)
    await endsWith(lab, 'session_over', 4410)
  })
})

describe('a revocation', () => {
  for (const [by, target] of [
    ['subject', { subject: 'alice' }],
    ['token', { tokenId: 'token-1' }],
  ] as const) {
    it(`by ${by} ends its live sessions and no others`, async () => {
      const lab = await liveLab()
      const same = lab.another()
      const other = lab.another({ identity: { subject: 'bob', tokenId: 'token-2' } })
      await same.live()
      await other.live()
      lab.revoke(target)
      await endsWith(lab, 'unauthenticated', 4401)
      await endsWith(same, 'unauthenticated', 4401)
      await settle()
      expect(other.ended()).toBe(0)
      expect(lab.relay.sessions.count).toBe(1)
    })
  }

  it('by token leaves sessions whose token has no id', async () => {
    const lab = await liveLab({ identity: { tokenId: undefined } })
    lab.revoke({ tokenId: 'token-1' })
    lab.revoke({})
    await settle()
    expect(lab.ended()).toBe(0)
  })

  it('ends a session that is still dialling', async () => {
    const lab = openLab({ dial: () => new Promise(() => {}) })
    lab.revoke({ subject: 'alice' })
    await endsWith(lab, 'unauthenticated', 4401)
    expect(lab.dialled()?.signal.aborted).toBe(true)
  })
})

describe('a drain', () => {
  it('of nothing is over at once', async () => {
    const lab = openLab()
    lab.client.close()
    await settle()
    await lab.relay.sessions.drain(10_000)
  })

  it('spreads quiet sessions over its first half, each told to reconnect', async () => {
    const lab = await liveLab()
    const labs = [lab, ...Array.from({ length: 3 }, () => lab.another())]
    for (const one of labs.slice(1)) await one.live()
    const drained = lab.relay.sessions.drain(10_000)
    const open: number[] = []
    for (let step = 0; step < 5; step++) {
      await lab.pass(step === 0 ? 1 : 1250)
      open.push(lab.relay.sessions.count)
    }
    expect(open).toEqual([3, 2, 1, 0, 0])
    await drained
    for (const one of labs) await endsWith(one, 'draining', 1012)
  })

  it('lets an answer finish, then closes', async () => {
    const lab = await liveLab({ profile: { tools: [] } })
    lab.upstream.say(ev.created('r'))
    await settle()
    const drained = lab.relay.sessions.drain(10_000)
    await lab.pass(4_000)
    expect(lab.ended()).toBe(0)
    lab.upstream.say(ev.done('r', [ev.message('m')]))
    await drained
    expect(await lab.client.hear()).toMatchObject({ type: 'response.created' })
    expect(await lab.client.hear()).toMatchObject({ type: 'response.done' })
    await endsWith(lab, 'draining', 1012)
  })

  it('ends everything by its end, whatever still runs', async () => {
    const lab = await liveLab()
    lab.upstream.say(ev.created('r'))
    lab.upstream.say(ev.itemDone('r', ev.call('c', 'get_weather')))
    await settle()
    let over = false
    const drained = lab.relay.sessions.drain(10_000).then(() => {
      over = true
    })
    await lab.pass(9_500)
    expect(over).toBe(false)
    await lab.pass(500)
    await drained
    expect(lab.ended()).toBe(1)
    expect(lab.tools[0]?.context.signal.aborted).toBe(true)
    expect(lab.relay.sessions.count).toBe(0)
  })

  it('ends everything by its end although the clock was set back meanwhile', async () => {
    const lab = await liveLab()
    lab.upstream.say(ev.created('r'))
    await settle()
    const drained = lab.relay.sessions.drain(10_000)
    await lab.pass(1_000)
    vi.setSystemTime(NOW - 3_600_000)
    await lab.pass(9_000)
    await drained
    expect(lab.relay.sessions.count).toBe(0)
    expect(lab.ended()).toBe(1)
  })

  it('sends away a session that opens meanwhile, before anything is asked of the upstream', async () => {
    const lab = await liveLab()
    lab.upstream.say(ev.created('r'))
    await settle()
    const drained = lab.relay.sessions.drain(10_000)
    const late = lab.another()
    await settle()
    await endsWith(late, 'draining', 1012)
    await lab.pass(10_000)
    await drained
  })

  it('leaves no timer behind', async () => {
    const lab = await liveLab()
    const drained = lab.relay.sessions.drain(10_000)
    await lab.pass(1)
    await drained
    lab.relay.sessions.stop()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('what is written down at the end', () => {
  it('is the session’s time and number, for the caller and the deployment', async () => {
    const lab = await liveLab()
    await lab.pass(2_500)
    lab.client.close(1000)
    await lab.upstream.closed
    expect(lab.usage).toEqual([{ subject: 'alice', deployment: 'secret-deployment', profile: 'default', at: NOW + 2_500, counters: { sessions: 1, seconds: 2.5 } }])
    expect(lab.noted('session_closed')).toMatchObject([{ durationMs: 2_500 }])
  })

  it('and every response’s usage under its id before', async () => {
    const lab = await liveLab()
    const usage = {
      total_tokens: 9,
      input_tokens: 5,
      output_tokens: 4,
      input_token_details: { text_tokens: 2, audio_tokens: 3, cached_tokens: 1 },
      output_token_details: { audio_tokens: 4 },
    }
    const done = ev.done('r', [])
    lab.upstream.say(ev.created('r'))
    lab.upstream.say({ ...done, response: { ...done.response, usage } })
    await settle()
    expect(lab.usage).toMatchObject([
      {
        subject: 'alice',
        deployment: 'secret-deployment',
        onceId: 'r',
        counters: { responses: 1, input_tokens: 5, output_tokens: 4, input_text_tokens: 2, input_audio_tokens: 3, input_cached_tokens: 1, output_audio_tokens: 4 },
      },
    ])
    expect(lab.noted('response_done')).toEqual([{ type: 'response_done', responseId: 'r', model: 'gpt-realtime', status: 'completed', usage }])
  })
})
