// How `check --telephony` knocks at the public address, and what it makes of each answer.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { isPrivateHere, judgeRefusal, knock } from '../../src/cli/public-door.js'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function serve(server: Server): Promise<URL> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/path?a=b`)
}

describe('knocking', () => {
  it('sends what it is told, and gives status and body', async () => {
    const seen: string[] = []
    const url = await serve(
      createServer((request, response) => {
        request.setEncoding('utf8').on('data', (body) => {
          seen.push(`${request.method} ${request.url} ${request.headers['x-proof']} ${body}`)
          response.writeHead(403).end('no')
        })
      }),
    )
    expect(await knock(url, { method: 'POST', headers: { 'x-proof': 'none' }, body: 'From=1' })).toEqual({ status: 403, body: 'no', certificateDays: undefined })
    expect(seen).toEqual(['POST /path?a=b none From=1'])
  })

  it('asks for a WebSocket, and sees a refusal as well as a 101', async () => {
    const server = createServer()
    const url = await serve(server)
    server.once('upgrade', (request, socket) => {
      expect(request.headers).toMatchObject({ upgrade: 'websocket', 'sec-websocket-version': '13' })
      socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    })
    expect(await knock(url, { upgrade: true })).toMatchObject({ status: 401 })
    server.once('upgrade', (_request, socket) => {
      socket.on('error', () => undefined)
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n')
    })
    expect(await knock(url, { upgrade: true })).toMatchObject({ status: 101 })
  })

  it('reads no more than 16 KiB', async () => {
    const url = await serve(createServer((_request, response) => response.end(Buffer.alloc(1_000_000, 'x'))))
    const answer = await knock(url)
    expect('body' in answer && answer.body.length).toBeLessThanOrEqual(16_384)
  })

  it('says in words why nothing answers', async () => {
    expect(await knock(new URL('http://127.0.0.1:1/'))).toEqual({ failed: 'refuses the connection' })
    const pem = (name: string) => readFileSync(fileURLToPath(new URL(`../support/tls/localhost-${name}.pem`, import.meta.url)))
    const url = await serve(createTlsServer({ cert: pem('cert'), key: pem('key') }))
    url.protocol = 'https:'
    expect(await knock(url)).toEqual({ failed: expect.stringMatching(/^has a certificate that is not trusted \(/) })
  })

  it('knows a private address', async () => {
    expect(await isPrivateHere('127.0.0.1')).toBe(true)
    expect(await isPrivateHere('[::1]')).toBe(true)
    expect(await isPrivateHere('localhost')).toBe(true)
    expect(await isPrivateHere('8.8.8.8')).toBe(false)
  })
})

describe('what an answer means', () => {
  const webhook = { refusals: [403], upgrade: false, setting: 'TWILIO_AUTH_TOKEN' }
  const media = { refusals: [401, 403], upgrade: true, setting: 'TWILIO_AUTH_TOKEN' }
  it.each([
    [webhook, 403, /refuses whoever has no proof/, undefined],
    [media, 401, /refuses whoever has no proof/, undefined],
    [media, 101, /somebody without a proof/, /not this relay/],
    [webhook, 404, /HTTP 404/, /without TWILIO_AUTH_TOKEN/],
    [webhook, 301, /HTTP 301/, /redirect, which no carrier follows/],
    [webhook, 502, /HTTP 502/, /does not reach the relay/],
    [media, 400, /to a WebSocket upgrade/, /drops the upgrade/],
    [media, 200, /to a WebSocket upgrade/, /drops the upgrade/],
    [webhook, 200, /HTTP 200/, /not the relay/],
  ])('%o %i', (expected, status, says, advice) => {
    const found = judgeRefusal(status, expected)
    expect(found.says).toMatch(says)
    if (advice) expect(found.advice).toMatch(advice)
    else expect(found.advice).toBeUndefined()
  })
})
