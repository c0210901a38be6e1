// Probes: alive while the event loop runs, ready if new sessions work. Each part is named, and each has a time limit.
import { fastify } from 'fastify'
import { describe, expect, it, vi } from 'vitest'
import { createReadiness, type HealthDeps, registerHealthRoutes } from '../../src/ops/health.js'
import type { Health } from '../../src/ports/health.js'

const ok = async (): Promise<Health> => ({ status: 'ok', detail: 'fine' })
const deps = (parts: Partial<HealthDeps> = {}): HealthDeps => ({ auth: ok, upstream: ok, limits: ok, tools: ok, memory: ok, draining: () => false, ...parts })

async function ask(path: string, parts: Partial<HealthDeps> = {}, details = true) {
  const app = fastify()
  registerHealthRoutes(app, createReadiness(deps(parts)), { details })
  const reply = await app.inject({ url: path })
  await app.close()
  return { code: reply.statusCode, body: reply.json() as unknown, cache: reply.headers['cache-control'] }
}

describe('probes', () => {
  it('livez answers in any state of the parts', async () => {
    const down = async (): Promise<Health> => ({ status: 'down', detail: 'x' })
    expect(await ask('/livez', { upstream: down, draining: () => true })).toEqual({ code: 200, body: { status: 'ok' }, cache: 'no-store' })
  })

  it.each<readonly [string, Partial<HealthDeps>, number, string]>([
    ['all well', {}, 200, 'ok'],
    ['something missing', { limits: async () => ({ status: 'degraded', detail: 'Redis is away' }) }, 200, 'degraded'],
    ['a part down', { auth: async () => ({ status: 'down', detail: 'no keys' }), limits: async () => ({ status: 'degraded', detail: 'x' }) }, 503, 'down'],
    ['a check that fails', { tools: () => Promise.reject(new Error('secret')) }, 503, 'down'],
    ['memory nearly full', { memory: async () => ({ status: 'down', detail: 'x' }) }, 503, 'down'],
    ['draining', { draining: () => true }, 503, 'draining'],
  ])('readyz with %s', async (_, parts, code, status) => {
    const reply = await ask('/readyz', parts)
    expect(reply.code).toBe(code)
    expect(reply.body).toMatchObject({ status, checks: { upstream: { status: 'ok', detail: 'fine' } } })
    expect(JSON.stringify(reply.body)).not.toContain('secret')
  })

  it('readyz for the public names the parts and says nothing about them', async () => {
    const tools = async (): Promise<Health> => ({ status: 'degraded', detail: 'billing at erp.internal: no answer' })
    expect(await ask('/readyz', { tools }, false)).toMatchObject({
      code: 200,
      body: {
        status: 'degraded',
        checks: { auth: { status: 'ok' }, upstream: { status: 'ok' }, limits: { status: 'ok' }, tools: { status: 'degraded' }, memory: { status: 'ok' } },
      },
    })
    expect(JSON.stringify((await ask('/readyz', { tools }, false)).body)).not.toMatch(/detail|erp|billing/)
    expect(JSON.stringify((await ask('/readyz', { tools })).body)).toContain('erp.internal')
  })

  it('a part that never answers is down, after a bounded wait', async () => {
    vi.useFakeTimers()
    try {
      const readiness = createReadiness(deps({ upstream: () => new Promise(() => undefined) }))()
      await vi.advanceTimersByTimeAsync(1500)
      expect(await readiness).toMatchObject({ status: 'down', checks: { upstream: { status: 'down', detail: 'no answer in time' }, auth: { status: 'ok' } } })
    } finally {
      vi.useRealTimers()
    }
  })

  it('a flood of requests asks each part once a second; draining shows at once', async () => {
    let asked = 0
    let clock = 0
    let draining = false
    const count = async (): Promise<Health> => {
      asked++
      return { status: 'ok', detail: 'fine' }
    }
    const readiness = createReadiness(deps({ auth: count, draining: () => draining }), () => clock)
    await Promise.all(Array.from({ length: 100 }, () => readiness()))
    expect(asked).toBe(1)
    draining = true
    expect((await readiness()).status).toBe('draining')
    clock = 1000
    await readiness()
    expect(asked).toBe(2)
  })
})
