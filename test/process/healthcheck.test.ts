// The health check of the image: exit code 0 while the relay lives, else 1, in bounded time, and over TLS as well.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { probeTargets } from '../../src/process/probe-target.js'

const root = join(import.meta.dirname, '../..')
const pem = (name: string) => readFileSync(join(root, 'test/support/tls', name))
/** No test listens there. */
const CLOSED = '1'
let server: Server | undefined
afterEach(async () => {
  server?.closeAllConnections()
  server?.close()
  if (server?.listening) await once(server, 'close')
})

async function listen(made: Server): Promise<string> {
  server = made.listen(0, '127.0.0.1')
  await once(made, 'listening')
  return String((made.address() as AddressInfo).port)
}

async function exitCode(env: Record<string, string>): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/healthcheck.ts'], { cwd: root, env: { PATH: process.env.PATH, ADMIN_PORT: CLOSED, ...env }, stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  return code as number
}

const answer =
  (status: number): RequestListener =>
  (request, response) =>
    response.writeHead(request.url === '/livez' ? status : 404).end()

describe('health check', () => {
  it('is 0 while the relay lives', async () => {
    expect(await exitCode({ PORT: await listen(createServer(answer(200))) })).toBe(0)
  })

  it('is 0 over TLS with any name in the certificate', async () => {
    const port = await listen(createTlsServer({ cert: pem('localhost-cert.pem'), key: pem('localhost-key.pem') }, answer(200)))
    expect(await exitCode({ PORT: port, TLS_CERT_FILE: 'any' })).toBe(0)
  })

  it('is 1 when the relay fails', async () => {
    expect(await exitCode({ PORT: await listen(createServer(answer(503))) })).toBe(1)
  })

  it('is 1 if no answer comes in time', async () => {
    expect(await exitCode({ PORT: await listen(createServer(() => undefined)) })).toBe(1)
  })

  it('is 1 if the port is closed', async () => {
    const made = createServer()
    const port = await listen(made)
    made.close()
    await once(made, 'close')
    expect(await exitCode({ PORT: port })).toBe(1)
  })

  it('is 0 while only the admin port has room for a probe', async () => {
    const full = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(full, 'listening')
    expect(await exitCode({ ADMIN_PORT: await listen(createServer(answer(200))), PORT: String((full.address() as AddressInfo).port) })).toBe(0)
    full.closeAllConnections()
    full.close()
  })

  it.each([
    [{}, ['http://127.0.0.1:9090/livez', 'http://127.0.0.1:8080/livez']],
    [{ HOST: '::', PORT: '81', ADMIN_HOST: '::', ADMIN_PORT: '82' }, ['http://[::1]:82/livez', 'http://[::1]:81/livez']],
    [{ HOST: '10.1.2.3', TLS_CERT_FILE: 'c', ADMIN_HOST: '0.0.0.0' }, ['http://127.0.0.1:9090/livez', 'https://10.1.2.3:8080/livez']],
    [{ HOST: 'fd00::1' }, ['http://127.0.0.1:9090/livez', 'http://[fd00::1]:8080/livez']],
  ])('%j asks %s', (env, urls) => {
    expect(probeTargets(env).map(({ url }) => url)).toEqual(urls)
  })
})
