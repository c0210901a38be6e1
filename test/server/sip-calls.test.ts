// Calls by SIP from webhook to hang-up, with a service on loopback and a real Redis: who is accepted and with what, who is rejected how, and who is adopted.
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CallLab, PERSONA, startCallLab } from '../support/call-lab.js'
import { type CallUpstream, startCallUpstream } from '../support/call-upstream.js'
import { uniquePrefix } from '../support/redis.js'
import { type Announced, announce, CALLED, CALLER, sipTelephony } from '../support/sip-ring.js'

const raw = new Redis(process.env.REDIS_URL ?? '')
afterAll(() => raw.disconnect())
let service: CallUpstream
let labs: CallLab[]
let shared: Record<string, string>
beforeEach(async () => {
  service = await startCallUpstream()
  labs = []
  shared = { REDIS_URL: process.env.REDIS_URL ?? '', REDIS_KEY_PREFIX: uniquePrefix() }
})
afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab.close()))
  await service.close()
})

type LabOptions = Partial<Parameters<typeof startCallLab>[0]>
async function start(options: LabOptions = {}): Promise<CallLab> {
  const lab = await startCallLab({ service, telephony: sipTelephony(), ...options, env: { WEBRTC: 'off', ...options.env } })
  labs.push(lab)
  if (options.env?.REDIS_URL) await expect.poll(async () => (await lab.store.health()).status).toBe('ok')
  return lab
}
let ids = 0
/** Rings at the service, and announces it. Resolves to the service's id. */
async function ring(lab: CallLab, over: Partial<Announced> = {}): Promise<string> {
  const callId = `rtc_upstream_${++ids}`
  service.ringing.add(callId)
  expect(await announce(lab.url, { callId, ...over })).toBe(200)
  return callId
}
const rejected = (callId: string) => service.asked.find(({ path }) => path.endsWith(`/${callId}/reject`))?.body
const sessionOf = (lab: CallLab, callId: string) => [...lab.sessions.values()].find(({ call }) => service.live.has(callId) && call.mode === 'media-only')
const accepted = (callId: string) => JSON.parse(service.asked.find(({ path }) => path.endsWith(`/${callId}/accept`))?.body ?? '{}')

describe('a caller who may come in', () => {
  it('is accepted with the server’s session, and held over the sideband', async () => {
    const lab = await start()
    const callId = await ring(lab)
    await expect.poll(() => lab.logs()).toContain('SIP call accepted')
    expect(service.live).toContain(callId)
    expect(service.sidebands.map((one) => one.callId)).toEqual([callId])
    expect(accepted(callId)).toMatchObject({ type: 'realtime', model: 'canary-deployment', instructions: PERSONA })
    const session = sessionOf(lab, callId)
    expect(session).toMatchObject({ phone: { carrier: 'sip' }, identity: { subject: expect.stringMatching(/^tel:[0-9a-f]{32}$/) } })
    expect(lab.places()).toBeGreaterThan(0)
    expect(await lab.metrics()).toMatch(/relay_sip_calls_total\{outcome="accepted"\} 1\n/)
    expect(await lab.metrics()).toMatch(/relay_sip_webhooks_total\{result="ring"\} 1\n/)
  })

  it('has no settings that SIP negotiates or that the service refuses to SIP, neither at first nor over the sideband', async () => {
    const detection = { type: 'server_vad', threshold: 0.8, prefix_padding_ms: 200, silence_duration_ms: 400, interrupt_response: true }
    const format = { type: 'audio/pcm', rate: 24_000 }
    const SESSION = JSON.stringify({ audio: { input: { format, turn_detection: detection }, output: { format, voice: 'cedar' } } })
    const lab = await start({ env: { SESSION } })
    const callId = await ring(lab)
    await expect.poll(() => lab.logs()).toContain('SIP call accepted')
    expect(accepted(callId).audio).toEqual({ input: { turn_detection: { type: 'server_vad', interrupt_response: true, create_response: false } }, output: { voice: 'cedar' } })
    expect(sessionOf(lab, callId)?.profile.session).toEqual({ audio: { input: { turn_detection: { type: 'server_vad', interrupt_response: true } }, output: { voice: 'cedar' } } })
    expect(lab.logs()).toContain('audio.input.turn_detection.threshold')
  })

  it('is held even if the service knows the sideband only a moment later', async () => {
    const lab = await start()
    service.answer = ({ path }) => (path.endsWith('/accept') ? { status: 200 } : undefined)
    const callId = await ring(lab)
    await expect.poll(() => service.asked.filter(({ method }) => method === 'UPGRADE').length).toBeGreaterThan(1)
    const attempts = service.asked.length
    service.live.add(callId)
    await expect.poll(() => lab.logs()).toContain('SIP call accepted')
    expect(service.sidebands.map((one) => one.callId)).toEqual([callId])
    expect(service.asked.length).toBeLessThan(attempts + 5)
  })

  it('is hung up when its session ends, and its places are free', async () => {
    const lab = await start()
    const callId = await ring(lab)
    await expect.poll(() => lab.logs()).toContain('SIP call accepted')
    await lab.calls.running.end([...lab.sessions.keys()][0] ?? '')
    expect([...service.live]).toEqual([])
    expect(service.asked.at(-1)?.path).toBe(`/openai/v1/realtime/calls/${callId}/hangup`)
    expect(lab.places()).toBe(0)
  })

  it('ends its session by hanging up', async () => {
    const lab = await start()
    const callId = await ring(lab)
    await expect.poll(() => lab.logs()).toContain('SIP call accepted')
    service.end(callId)
    await expect.poll(() => [lab.sessions.size, lab.places()]).toEqual([0, 0])
  })

  it('may be transferred by the line of its session, and hung up by it', async () => {
    const lab = await start()
    const first = await ring(lab)
    await expect.poll(() => lab.sessions.size).toBe(1)
    await expect.poll(() => service.sidebands.length).toBe(1)
    await sessionOf(lab, first)?.phone?.line.transfer('+1 (425) 555-0123')
    expect(service.asked.find(({ path }) => path.endsWith('/refer'))).toMatchObject({ path: expect.stringContaining(first), body: '{"target_uri":"tel:+14255550123"}' })
    await expect.poll(() => lab.sessions.size).toBe(0)
    const second = await ring(lab)
    await expect.poll(() => lab.logs().split('SIP call accepted').length).toBe(3)
    await sessionOf(lab, second)?.phone?.line.hangUp()
    await expect.poll(() => [lab.sessions.size, service.live.size]).toEqual([0, 0])
    await expect(sessionOf(lab, second)?.phone?.line.transfer('x') ?? Promise.reject(new Error('over'))).rejects.toThrow()
  })

  it('is nobody’s to attach to, and its path stays closed while WebRTC is off', async () => {
    const lab = await start()
    await ring(lab)
    await expect.poll(() => lab.logs()).toContain('SIP call accepted')
    const answer = await fetch(`${lab.url}/v1/realtime/calls`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await lab.token()}`, 'content-type': 'application/sdp' },
      body: 'v=0',
    })
    expect(answer.status).toBe(403)
  })
})

describe('a caller who may not come in', () => {
  it.each([
    ['is denied', { callers: { allow: undefined, deny: ['+1425*'] } }, {}, 603],
    ['is not allowed', { callers: { allow: ['+44*'], deny: [] } }, {}, 603],
    ['withholds the number', { withheld: 'refuse' as const }, { from: 'anonymous' }, 603],
    ['asks for no number to be shown', { withheld: 'refuse' as const }, { headers: { Privacy: 'id' } }, 603],
    ['calls a number without a profile', { profiles: { '+18005550000': 'default' } }, {}, 603],
    ['is one too many of all', { limits: { ...sipTelephony().limits, total: 0 } }, {}, 486],
  ])('is rejected if it %s', async (_why, over, announced, status) => {
    const lab = await start({ telephony: sipTelephony(over) })
    const callId = await ring(lab, announced)
    await expect.poll(() => rejected(callId)).toBe(`{"status_code":${status}}`)
    expect(service.asked.filter(({ path }) => path.endsWith('/accept'))).toEqual([])
    expect([service.ringing.size, lab.sessions.size, lab.places()]).toEqual([0, 0, 0])
    expect(await lab.metrics()).toMatch(/relay_sip_calls_total\{outcome="rejected"\} 1\n/)
  })

  it('is rejected while it has as many calls as it may have, and accepted after', async () => {
    const lab = await start()
    const first = await ring(lab)
    await ring(lab)
    await expect.poll(() => lab.sessions.size).toBe(2)
    const third = await ring(lab)
    await expect.poll(() => rejected(third)).toBe('{"status_code":486}')
    await ring(lab, { from: '+14255550101' })
    await expect.poll(() => lab.sessions.size).toBe(3)
    service.end(first)
    await expect.poll(() => lab.sessions.size).toBe(2)
    await ring(lab)
    await expect.poll(() => lab.sessions.size).toBe(3)
  })

  it('is rejected if it calls too often', async () => {
    const lab = await start({ telephony: sipTelephony({ limits: { ...sipTelephony().limits, perCallerPerHour: 1 } }) })
    const first = await ring(lab)
    await expect.poll(() => lab.sessions.size).toBe(1)
    service.end(first)
    const second = await ring(lab)
    await expect.poll(() => rejected(second)).toBe('{"status_code":486}')
  })

  it('is rejected if it was revoked by an operator', async () => {
    const lab = await start()
    const first = await ring(lab)
    await expect.poll(() => lab.sessions.size).toBe(1)
    const subject = sessionOf(lab, first)?.identity.subject ?? ''
    await lab.store.revocations.revoke({ subject }, Date.now() + 60_000)
    const second = await ring(lab)
    await expect.poll(() => rejected(second)).toBe('{"status_code":603}')
  })

  it('is rejected if the service does not take the session', async () => {
    const lab = await start()
    service.answer = ({ path }) => (path.endsWith('/accept') ? { status: 400, body: '{"error":{"message":"canary persona"}}' } : undefined)
    const callId = await ring(lab)
    await expect.poll(() => rejected(callId)).toBe('{"status_code":486}')
    expect(lab.places()).toBe(0)
    expect(lab.logs()).not.toContain('canary persona')
  })
})

describe('a call that comes to nothing', () => {
  it('of a caller who hung up first is logged without a number, and frees its places', async () => {
    const lab = await start()
    expect(await announce(lab.url, { callId: 'rtc_gone' })).toBe(200)
    await expect.poll(() => lab.logs()).toContain('SIP caller left before the call was accepted')
    await expect.poll(() => lab.places()).toBe(0)
    expect(service.asked.filter(({ path }) => path.endsWith('/reject'))).toEqual([])
    expect(await lab.metrics()).toMatch(/relay_sip_calls_total\{outcome="gone"\} 1\n/)
  })

  it.each([
    ['it cannot be recorded', { changeStore: (store) => ({ ...store, calls: { ...store.calls, add: () => Promise.reject(new Error('away')) } }) } as LabOptions],
    ['its sideband never becomes live', { onOpen: () => undefined, liveMs: 100 } as LabOptions],
    [
      'its session cannot be opened',
      {
        onOpen: () => {
          throw new Error('no')
        },
      } as LabOptions,
    ],
  ])('is hung up if %s', async (_why, options) => {
    const lab = await start(options)
    const callId = await ring(lab)
    await expect.poll(() => service.asked.map(({ path }) => path), { timeout: 5000 }).toContain(`/openai/v1/realtime/calls/${callId}/hangup`)
    await expect.poll(() => [service.live.size, lab.places()]).toEqual([0, 0])
    expect(await lab.metrics()).toMatch(/relay_sip_calls_total\{outcome="lost"\} 1\n/)
  })

  it('is one call, however often it is announced', async () => {
    const [first, second] = [await start({ env: shared }), await start({ env: shared })]
    const callId = await ring(first)
    await Promise.all([first, second].flatMap((lab) => Array.from({ length: 5 }, () => announce(lab.url, { callId }))))
    await announce(second.url, { callId, webhookId: 'wh_another' })
    await expect.poll(() => first.sessions.size).toBe(1)
    expect(service.asked.filter(({ path }) => path.endsWith('/accept'))).toHaveLength(1)
    expect(second.sessions.size).toBe(0)
    expect(await second.metrics()).toMatch(/relay_sip_webhooks_total\{result="repeated"\} 6\n/)
  })
})

describe('the calls of a relay that died', () => {
  async function lookOften(lab: CallLab): Promise<void> {
    for (let looks = 0; looks < 3; looks++) await lab.calls.look()
  }
  async function orphan(lab: CallLab): Promise<string> {
    const id = [...lab.sessions.keys()][0] ?? ''
    await lab.store.calls.release(id)
    labs = labs.filter((one) => one !== lab)
    await lab.die()
    return id
  }
  async function called(lab: CallLab): Promise<string> {
    const callId = await ring(lab)
    await expect.poll(() => lab.logs()).toContain('SIP call accepted')
    return callId
  }

  it('go on with another one: the same caller, session and line', async () => {
    const telephony = sipTelephony({ claims: { number: 'from' } })
    const SESSION = JSON.stringify({ audio: { input: { turn_detection: { type: 'server_vad', threshold: 0.8 } } } })
    const [first, second] = [await start({ telephony, env: { ...shared, SESSION } }), await start({ telephony, env: { ...shared, SESSION } })]
    const callId = await called(first)
    const [before] = first.sessions.values()
    const id = await orphan(first)
    await lookOften(second)
    await expect.poll(() => second.sessions.has(id)).toBe(true)
    const after = second.sessions.get(id)
    expect(after).toMatchObject({ sessionId: before?.sessionId, identity: before?.identity, call: { id, mode: 'media-only', adopted: true }, phone: { carrier: 'sip' } })
    expect(after?.profile).toEqual({ ...before?.profile, limits: { ...before?.profile.limits, maxSessionMs: expect.any(Number) } })
    expect(after?.profile.clientMaySet.size).toBe(0)
    await expect.poll(() => second.logs()).toContain('call adopted')
    await after?.phone?.line.transfer('+14255550123')
    expect(service.asked.find(({ path }) => path.endsWith('/refer'))?.path).toContain(callId)
    await expect.poll(() => second.sessions.size).toBe(0)
  })

  it('are hung up if SIP is off by now', async () => {
    const [first, second] = [await start({ env: shared }), await start({ env: { ...shared, WEBRTC: 'media-only' }, telephony: sipTelephony({ sip: undefined }) })]
    await called(first)
    await orphan(first)
    await lookOften(second)
    await expect.poll(() => service.live.size).toBe(0)
    expect(second.sessions.size).toBe(0)
    expect(second.logs()).toContain('sip_off')
  })

  it('are hung up if the caller was revoked meanwhile', async () => {
    const [first, second] = [await start({ env: shared }), await start({ env: shared })]
    await called(first)
    const subject = [...first.sessions.values()][0]?.identity.subject ?? ''
    await orphan(first)
    await second.store.revocations.revoke({ subject }, Date.now() + 60_000)
    await lookOften(second)
    await expect.poll(() => [service.live.size, second.sessions.size]).toEqual([0, 0])
  })

  it('keep nothing readable in Redis: no number, and no header', async () => {
    const lab = await start({ telephony: sipTelephony({ claims: { account: 'header:x-account', number: 'from' } }), env: shared })
    await ring(lab, { headers: { 'X-Account': 'canary-account' } })
    await expect.poll(() => lab.logs()).toContain('SIP call accepted')
    const keys = await raw.keys(`${shared.REDIS_KEY_PREFIX}*`)
    expect(keys.length).toBeGreaterThan(0)
    const read = async (key: string): Promise<string> => {
      const type = await raw.type(key)
      if (type === 'hash') return JSON.stringify(await raw.hgetall(key))
      if (type === 'zset') return JSON.stringify(await raw.zrange(key, '0', '-1'))
      if (type === 'set') return JSON.stringify(await raw.smembers(key))
      if (type === 'list') return JSON.stringify(await raw.lrange(key, 0, -1))
      return (await raw.get(key)) ?? ''
    }
    const all = keys.join(' ') + (await Promise.all(keys.map(read))).join(' ')
    for (const secret of [CALLER.slice(1), CALLED.slice(1), 'canary-account']) expect(all).not.toContain(secret)
  })
})

it('no number, header, instruction or id of the service is in a log or a metric', async () => {
  const lab = await start()
  const callId = await ring(lab, { headers: { 'X-Account': 'canary-account' } })
  await expect.poll(() => lab.sessions.size).toBe(1)
  await announce(lab.url, { callId: 'rtc_canary_gone' })
  const denied = await ring(lab, { from: 'anonymous', to: 'canary-desk' })
  await expect.poll(() => lab.logs()).toContain('SIP caller left')
  service.answer = ({ path }) => (path.endsWith('/accept') ? { status: 500, body: 'canary-body' } : undefined)
  const failed = await ring(lab)
  await expect.poll(() => rejected(failed)).toBe('{"status_code":486}')
  const told = lab.logs() + (await lab.metrics())
  for (const secret of [CALLER.slice(1), CALLED.slice(1), 'canary-account', 'canary-desk', 'canary-body', callId, denied, 'rtc_canary_gone', PERSONA])
    expect(told).not.toContain(secret)
})
