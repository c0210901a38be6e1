// Fault 39: SIGTERM while one client never reads. The process still ends within its limit, with exit code 0, and tells the other clients why.
import { expect, it } from 'vitest'
import { startSimulator } from '../../src/simulator/simulator.js'
import { startRelayProcess } from './relay-process.js'

it('ends within the drain time and a second', async () => {
  const upstream = await startSimulator({ speed: Number.POSITIVE_INFINITY, record: 0, faults: { flood: 3000 } })
  const relay = await startRelayProcess({ upstream: upstream.url, env: { DRAIN_SECONDS: '3' } })
  try {
    const [stuck, reading] = [await relay.connect('stuck'), await relay.connect('reading')]
    await Promise.all([stuck.next('session.created'), reading.next('session.created')])
    stuck.socket.pause()
    stuck.send({ type: 'response.create' })
    await expect.poll(() => relay.metric('relay_backpressure_total'), { timeout: 20_000, interval: 50 }).toBeGreaterThan(0)
    const began = performance.now()
    relay.child.kill('SIGTERM')
    expect((await reading.closed()).code).toBe(1012)
    expect((await relay.ended).code).toBe(0)
    expect(performance.now() - began).toBeLessThan(4500)
    await expect.poll(() => upstream.sessions(), { timeout: 1000 }).toBe(0)
    stuck.socket.terminate()
  } finally {
    await relay.stop()
    await upstream.close()
  }
})
