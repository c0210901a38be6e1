// Bytes that no honest client sends, and bytes that come too slowly or too early.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { MAX_TOKEN_BYTES } from '../../src/core/protocol/credentials.js'
import { eventually, type Front, HEAD, open, raw, refused, startFront, token } from './front.js'

let front: Front
afterEach(() => front?.close())
const bearer = async (): Promise<{ authorization: string }> => ({ authorization: `Bearer ${await token()}` })

describe('hostile bytes', () => {
  it.each<[string, string, number]>([
    ['a short key', `GET /v1/realtime HTTP/1.1\r\n${HEAD.replace('AAAAAAAAAAAAAAAAAAAAAA==', 'AAAA')}\r\n`, 400],
    ['version 8', `GET /v1/realtime HTTP/1.1\r\n${HEAD.replace('13', '8')}\r\n`, 400],
    ['HTTP/1.0', `GET /v1/realtime HTTP/1.0\r\n${HEAD}\r\n`, 400],
    ['POST', `POST /v1/realtime HTTP/1.1\r\n${HEAD}\r\n`, 404],
    ['a body', `GET /v1/realtime HTTP/1.1\r\n${HEAD}Content-Length: 3\r\n\r\nabc`, 400],
    ['h2c', `GET /v1/realtime HTTP/1.1\r\n${HEAD.replace('websocket', 'h2c')}\r\n`, 400],
    ['both lengths', `POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a bare line feed', 'GET /v1/realtime HTTP/1.1\nHost: x\n\n', 400],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['a bad escape in an upgrade', `GET /v1/%zz HTTP/1.1\r\n${HEAD}\r\n`, 400],
    ['a head that is too long', `GET /v1/realtime HTTP/1.1\r\n${HEAD}x-long: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
    ['a request pipelined behind a refused one', `GET /nowhere HTTP/1.1\r\n${HEAD}\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n`, 404],
  ])('answers %s in JSON and ends the connection', async (_name, bytes, status) => {
    front = await startFront()
    const answer = await raw(front.port, Buffer.from(bytes, 'latin1'))
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).toMatch(/content-type: application\/json/i)
    expect(answer.match(/HTTP\/1\.1 /g)?.length).toBe(1)
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toHaveProperty('error.code')
  })

  it('admits the largest token, however it is sent', async () => {
    front = await startFront({ allowQueryToken: true })
    let largest = await token({ pad: 'p'.repeat(18_000) })
    // A character of the claims is four thirds of one in the token.
    largest = await token({ pad: 'p'.repeat(18_000 + Math.floor(((MAX_TOKEN_BYTES - largest.length) * 3) / 4)) })
    expect(largest.length).toBeGreaterThan(MAX_TOKEN_BYTES - 4)
    expect(largest.length).toBeLessThanOrEqual(MAX_TOKEN_BYTES)
    for (const [path, options] of [
      ['', { headers: { authorization: `Bearer ${largest}` } }],
      ['', { headers: { 'api-key': largest } }],
      ['', { protocols: ['realtime', `openai-insecure-api-key.${largest}`] }],
      [`?access_token=${largest}`, {}],
    ] as const) {
      const { socket } = await open(`${front.ws}/v1/realtime${path}`, options as Parameters<typeof open>[1])
      socket.terminate()
    }
  })

  it('accepts a 31 kB credential and checks it', async () => {
    front = await startFront()
    const answer = await refused(`${front.ws}/v1/realtime`, { protocols: ['realtime', `openai-insecure-api-key.${'a'.repeat(31_000)}`] })
    expect(answer.status).toBe(401)
  })

  it('ends a request head that drips in and a socket that sends nothing', async () => {
    front = await startFront({ limits: { handshakeTimeoutMs: 300 } })
    const started = performance.now()
    const dripping = connect(front.port, '127.0.0.1')
    dripping.on('error', () => {})
    const timer = setInterval(() => dripping.write('x'), 50)
    dripping.write('GET /v1/realtime HTTP/1.1\r\nx-slow: ')
    const silent = connect(front.port, '127.0.0.1')
    silent.on('error', () => {})
    silent.resume()
    let answer = ''
    dripping.on('data', (chunk) => {
      answer += String(chunk)
    })
    await Promise.all([once(dripping, 'close'), once(silent, 'close')])
    clearInterval(timer)
    expect(performance.now() - started).toBeLessThan(4000)
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('keeps frames from the same packet as the request', async () => {
    front = await startFront()
    const bytes = Buffer.concat([Buffer.from(`GET /v1/realtime HTTP/1.1\r\n${HEAD}api-key: ${await token()}\r\n\r\n`), Buffer.from([0x81, 0x85, 0, 0, 0, 0]), Buffer.from('early')])
    expect(await raw(front.port, bytes, 'early')).toContain('early')
  })

  it('takes a message at the limit and answers one over it with 1009', async () => {
    front = await startFront({ limits: { maxMessageBytes: 1000 } })
    const { socket } = await open(`${front.ws}/v1/realtime`, { headers: await bearer() })
    socket.send('y'.repeat(1000))
    expect(String((await once(socket, 'message'))[0])).toBe('y'.repeat(1000))
    socket.send('x'.repeat(1001))
    expect((await once(socket, 'close'))[0]).toBe(1009)
    await eventually(() => front.leases() === 0)
  })
})
