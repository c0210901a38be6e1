// Calls whose relay died, drains or lost them: another relay on the same Redis goes on with them or hangs them up, and so does the next start.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { CHROMIUM } from '../core/sdp/samples.js'
import { type CallLab, startCallLab } from '../support/call-lab.js'
import { type CallUpstream, startCallUpstream } from '../support/call-upstream.js'
import { uniquePrefix } from '../support/redis.js'

const raw = new Redis(process.env.REDIS_URL ?? '')
afterAll(() => raw.disconnect())
let service: CallUpstream
let labs: CallLab[]
let env: Record<string, string>
beforeEach(async () => {
  service = await startCallUpstream()
  labs = []
  env = { REDIS_URL: process.env.REDIS_URL ?? '', REDIS_KEY_PREFIX: uniquePrefix() }
})
afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab.close()))
  await service.close()
})

type LabOptions = Partial<Parameters<typeof startCallLab>[0]>
async function start(options: LabOptions = {}): Promise<CallLab> {
  const lab = await startCallLab({ service, ...options, env: { ...env, ...options.env } })
  labs.push(lab)
  await expect.poll(async () => (await lab.store.health()).status).toBe('ok')
  return lab
}
const post = async (lab: CallLab, path: string, subject = 'alice', body = '', claims = {}) =>
  fetch(`${lab.url}/v1/realtime/${path}`, { method: 'POST', headers: { authorization: `Bearer ${await lab.token(subject, claims)}`, 'content-type': 'application/sdp' }, body })
async function call(lab: CallLab, claims = {}): Promise<string> {
  const response = await post(lab, 'calls', 'alice', CHROMIUM, claims)
  expect(response.status).toBe(201)
  return response.headers.get('location')?.split('/').at(-1) ?? ''
}
/** At the start Redis is not connected yet, and after that a relay leaves others' calls alone for two looks. */
async function lookOften(lab: CallLab): Promise<void> {
  for (let looks = 0; looks < 3; looks++) await lab.calls.look()
}
const sidebandsOf = () => service.sidebands.map(({ callId }) => callId)
/** The owner is gone, and its lease is over: the same to whoever looks as a call that it let go. */
async function orphan(lab: CallLab, id: string): Promise<void> {
  await lab.store.calls.release(id)
  labs = labs.filter((one) => one !== lab)
  await lab.die()
}

describe('the calls of a relay that died', () => {
  it('go on with another one: same caller, same session, the lock again', async () => {
    const [first, second] = [await start(), await start()]
    const id = await call(first, { name: 'Ada' })
    const before = first.sessions.get(id)
    await orphan(first, id)
    await lookOften(second)
    await expect.poll(() => second.sessions.has(id)).toBe(true)
    const after = second.sessions.get(id)
    expect(after).toMatchObject({ sessionId: before?.sessionId, identity: before?.identity, requestedModel: before?.requestedModel, call: { id, mode: 'media-only' } })
    expect(after?.profile.limits.maxSessionMs).toBeLessThanOrEqual(before?.profile.limits.maxSessionMs ?? 0)
    await expect.poll(() => second.logs()).toContain('call adopted')
    expect(new Set(sidebandsOf()).size).toBe(1)
    expect(sidebandsOf()).toHaveLength(2)
    expect(service.live.size).toBe(1)
    expect(second.places()).toBe(1)
    expect(await second.metrics()).toMatch(/relay_call_adoptions_total\{result="adopted"\} 1\n/)
    expect((await post(second, `calls/${id}/hangup`)).status).toBe(200)
    expect(service.live.size).toBe(0)
  })

  it.each(['foreign_control', 'idle'] as const)('are not hung up by the one that was only slow, and ends its sessions as %s when it goes on', async (code) => {
    const [first, second] = [await start(), await start()]
    const ids = [await call(first), await call(first)]
    const before = ids.map((id) => first.sessions.get(id))
    for (const id of ids) await first.store.calls.release(id)
    await lookOften(second)
    await expect.poll(() => ids.every((id) => second.sessions.has(id))).toBe(true)
    for (const session of before) session?.call.onOver({ code, handsOver: false })
    await first.calls.settled(5000)
    expect(service.live.size).toBe(2)
    expect(second.sessions.size).toBe(2)
    await expect.poll(async () => (await Promise.all(ids.map((id) => second.store.calls.find(id)))).filter(Boolean).length).toBe(2)
  })

  const hungUp = async (second: CallLab, id: string) => {
    await lookOften(second)
    await expect.poll(() => service.live.size).toBe(0)
    await expect.poll(() => second.store.calls.find(id)).toBeUndefined()
    expect(second.sessions.size).toBe(0)
    expect(second.places()).toBe(0)
    expect(await second.metrics()).toMatch(/relay_call_adoptions_total\{result="hung_up"\} 1\n/)
  }

  it('are hung up if the caller was revoked meanwhile', async () => {
    const [first, second] = [await start(), await start()]
    const id = await call(first)
    await orphan(first, id)
    await second.store.revocations.revoke({ subject: 'alice' }, Date.now() + 60_000)
    await hungUp(second, id)
  })

  it('are hung up if the relays share no secret that opens what was sealed', async () => {
    const [first, second] = [await start(), await start({ env: { CALLS_SECRET: 'another secret of the calls, 32 bytes' } })]
    const id = await call(first)
    await orphan(first, id)
    await hungUp(second, id)
  })

  it('are hung up if calls of this kind are no longer served', async () => {
    const [first, second] = [await start({ env: { WEBRTC: 'shared' } }), await start()]
    const id = await call(first)
    await orphan(first, id)
    await hungUp(second, id)
  })

  it('are hung up, and not gone on with, if that is what failed before', { timeout: 30_000 }, async () => {
    const [first, second] = [await start(), await start()]
    const id = await call(first)
    service.answer = ({ path }) => (path.endsWith('/hangup') ? { status: 503 } : undefined)
    expect((await post(first, `calls/${id}/hangup`)).status).toBeGreaterThanOrEqual(500)
    expect(await first.metrics()).toMatch(/relay_call_hangups_total\{outcome="failed"\} 1\n/)
    service.answer = () => undefined
    await hungUp(second, id)
  })

  it('that are over on the other side are forgotten', async () => {
    const [first, second] = [await start(), await start()]
    const id = await call(first)
    await orphan(first, id)
    service.live.clear()
    await hungUp(second, id)
  })

  it('show nobody in Redis who called', async () => {
    const lab = await start()
    const id = await call(lab, { email: 'ada@example.com' })
    const fields = await raw.hgetall(`${env.REDIS_KEY_PREFIX}calls:{calls}:${id}`)
    expect(Object.keys(fields).sort()).toEqual(['call', 'caller', 'owner', 'sealed', 'since', 'upstream'])
    expect(JSON.stringify(fields)).not.toMatch(/alice|ada@/)
    expect(Buffer.from(fields.sealed ?? '', 'base64').toString('latin1')).not.toMatch(/alice|ada@/)
    expect(await raw.pttl(`${env.REDIS_KEY_PREFIX}calls:{calls}:${id}`)).toBeGreaterThan(0)
  })
})

describe('a relay that drains', () => {
  it('hands its calls over without a hang-up', async () => {
    const [first, second] = [await start(), await start()]
    const id = await call(first)
    first.handOver()
    await first.calls.settled(2000)
    expect([service.live.size, first.places()]).toEqual([1, 0])
    expect(await first.metrics()).toMatch(/relay_call_hangups_total\{outcome="handed_over"\} 1\n/)
    await lookOften(second)
    await expect.poll(() => second.sessions.has(id)).toBe(true)
    expect(service.live.size).toBe(1)
  })

  it('hangs them up if nobody could take them', async () => {
    const lab = await start({ env: { REDIS_URL: '' } })
    await call(lab)
    lab.handOver()
    await lab.calls.settled(2000)
    expect(service.live.size).toBe(0)
  })
})

describe('several relays', () => {
  it('a relay that hears that another has its call ends its session, and leaves the call alone', async () => {
    const [first, second] = [await start(), await start()]
    const id = await call(first)
    // Its lease has run out, as while it was frozen.
    await raw.zadd(`${env.REDIS_KEY_PREFIX}calls:{calls}`, 0, id)
    await lookOften(second)
    await expect.poll(() => second.sessions.has(id)).toBe(true)
    expect(first.sessions.has(id)).toBe(true)
    await first.calls.look()
    await first.calls.settled(2000)
    expect(first.ended).toEqual([{ id, code: 'session_over' }])
    expect([service.live.size, first.places()]).toEqual([1, 0])
    expect(await first.metrics()).not.toMatch(/^relay_call_hangups_total\{.*\} [^0]/m)
    expect(await second.store.calls.renew()).toEqual([])
  })

  it('a ticket of one opens a call at the other, once', async () => {
    const [first, second] = [await start(), await start()]
    const { value } = (await (await post(first, 'client_secrets')).json()) as { value: string }
    const use = (lab: CallLab) =>
      fetch(`${lab.url}/v1/realtime/calls`, { method: 'POST', headers: { authorization: `Bearer ${value}`, 'content-type': 'application/sdp' }, body: CHROMIUM })
    expect((await use(second)).status).toBe(201)
    expect((await use(first)).status).toBe(401)
  })

  const follow = async (lab: CallLab, id: string, subject: string) =>
    new WebSocket(`${lab.url.replace('http', 'ws')}/v1/realtime?call_id=${id}`, { headers: { authorization: `Bearer ${await lab.token(subject)}` } })

  it('a caller follows its call at any of them: the call comes there, without a hang-up', async () => {
    const [first, second] = [await start(), await start()]
    const id = await call(first)
    const socket = await follow(second, id, 'alice')
    const [data] = (await once(socket, 'message')) as [Buffer]
    expect(JSON.parse(data.toString())).toEqual({ type: 'session.created', call: id })
    expect([first.sessions.size, second.sessions.size]).toEqual([0, 1])
    await first.calls.settled(2000)
    expect([service.live.size, first.places(), second.places()]).toEqual([1, 0, 1])
    // Its first sideband was closed before the second one was opened.
    expect(service.sidebands.map(({ socket: { readyState } }) => readyState)).toEqual([WebSocket.CLOSED, WebSocket.OPEN])
    socket.close()
  })

  it('nobody else makes a call move', async () => {
    const [first, second] = [await start(), await start()]
    const id = await call(first)
    const socket = await follow(second, id, 'bob')
    socket.on('error', () => undefined)
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number; resume(): void }]
    response.resume()
    expect(response.statusCode).toBe(404)
    expect([first.sessions.size, service.sidebands.length]).toEqual([1, 1])
  })

  it('any of them hangs up for the caller, and for nobody else', async () => {
    const [first, second] = [await start(), await start()]
    const id = await call(first)
    expect((await post(second, `calls/${id}/hangup`, 'bob')).status).toBe(404)
    expect(service.live.size).toBe(1)
    expect((await post(second, `calls/${id}/hangup`)).status).toBe(200)
    expect(service.live.size).toBe(0)
    await expect.poll(() => first.sessions.size).toBe(0)
  })
})

describe('without Redis', () => {
  it('the next start hangs up what the journal lists', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'calls-journal-'))
    const journal = { REDIS_URL: '', CALLS_JOURNAL: join(folder, 'calls') }
    try {
      const first = await start({ env: journal })
      await call(first)
      const over = await call(first)
      expect((await post(first, `calls/${over}/hangup`)).status).toBe(200)
      labs = []
      await first.die()
      expect(service.live.size).toBe(1)
      const asked = service.asked.length
      const next = await start({ env: journal })
      await expect.poll(() => service.live.size).toBe(0)
      expect(service.asked.slice(asked).map(({ path }) => path)).toEqual([expect.stringMatching(/\/hangup$/)])
      await expect.poll(() => next.metrics()).toMatch(/relay_call_hangups_total\{outcome="done"\} 1\n/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
