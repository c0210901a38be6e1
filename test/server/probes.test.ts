// The probes of a whole relay: on the admin port with details, on the public one without, and answered during a flood.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

let running: RunningRelay
const sockets: Socket[] = []
beforeAll(async () => {
  running = await runRelay({ env: { MAX_SESSIONS: '10', CONNECTS_PER_SECOND: '50' } })
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await running.close()
})

const ask = async (url: string) => {
  const response = await fetch(url)
  return { status: response.status, text: await response.text() }
}

describe('probes', () => {
  it('name the parts in public, and say what is wrong with them on the admin port', async () => {
    const { url, adminUrl } = running.relay
    const [open, admin] = [await ask(`${url}/readyz`), await ask(`${adminUrl}/readyz`)]
    expect(open.status).toBe(admin.status)
    expect(Object.keys(JSON.parse(open.text).checks)).toEqual(Object.keys(JSON.parse(admin.text).checks))
    expect(open.text).not.toContain('detail')
    expect(JSON.parse(admin.text)).toMatchObject({ checks: { limits: { detail: expect.any(String) } } })
    expect(await ask(`${adminUrl}/livez`)).toEqual(await ask(`${url}/livez`))
  })

  it('answer while one address floods the public port with half requests, and so do the metrics', async () => {
    const { port } = new URL(running.relay.url)
    for (let n = 0; n < 1120; n += 70) {
      const some = Array.from({ length: 70 }, () => connect(Number(port), '127.0.0.1').on('error', () => undefined))
      sockets.push(...some)
      await Promise.all(some.map((socket) => once(socket, 'connect')))
      for (const socket of some) socket.write('GET /v1/realtime HTTP/1.1\r\nHost: x\r\nx-half: ')
    }
    for (const url of [running.relay.url, running.relay.adminUrl]) expect((await ask(`${url}/livez`)).status).toBe(200)
    expect((await ask(`${running.relay.adminUrl}/metrics`)).text).toMatch(/relay_connections_dropped_total\{why="address_full"\} \d+/)
  })
})
