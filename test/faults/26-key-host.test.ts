// Faults 26 to 28: the host of the key set fails, hangs, floods, rotates, or offers keys that must not be used.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { connectClient, Refused } from '../support/realtime-client.js'
import { type RelayProcess, startRelayProcess } from './relay-process.js'

interface Signer {
  readonly jwk: JWK
  token(header?: object): Promise<string>
}

let upstream: Simulator
let relay: RelayProcess
let fetches = 0
let answer: (response: ServerResponse) => void = () => {}
const host = createServer((_request, response) => {
  fetches++
  answer(response)
})
const serve = (keys: readonly object[]) => (response: ServerResponse) => void response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }))

beforeAll(async () => {
  host.listen(0, '127.0.0.1')
  await once(host, 'listening')
  upstream = await startSimulator({ speed: Number.POSITIVE_INFINITY })
})
beforeEach(() => {
  fetches = 0
})
afterAll(async () => {
  await upstream.close()
  host.close()
  host.closeAllConnections()
})

async function signer(kid: string, algorithm = 'ES256', options: { modulusLength?: number } = {}): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true, ...options })
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm },
    token: (header = {}) => sign(privateKey, { alg: algorithm, kid, ...header }),
  }
}

function sign(key: CryptoKey | Uint8Array, header: object): Promise<string> {
  return new SignJWT({ sub: 'alice', iss: 'issuer', aud: 'relay' })
    .setProtectedHeader(header as { alg: string })
    .setExpirationTime('10m')
    .sign(key)
}

async function start(): Promise<void> {
  const url = `http://127.0.0.1:${(host.address() as AddressInfo).port}/keys`
  relay = await startRelayProcess({ upstream: upstream.url, env: { JWKS_URL: url, JWT_ISSUER: 'issuer', JWT_AUDIENCE: 'relay', JWT_ALGORITHMS: 'ES256,RS256', JWT_SECRET: '' } })
}

/** 101 for an accepted token, else the status of the refusal. */
async function statusOf(token: string): Promise<number> {
  try {
    const client = await connectClient(`${relay.wsUrl}/v1/realtime`, token)
    client.close()
    return 101
  } catch (error) {
    if (error instanceof Refused) return error.status
    throw error
  }
}

describe('26. a failing key host', () => {
  const modes: readonly (readonly [string, (response: ServerResponse) => void])[] = [
    ['answers 500', (response) => void response.writeHead(500).end()],
    ['hangs', () => {}],
    ['talks garbage', (response) => void response.end('<html>')],
    [
      'sends without end',
      (response) => {
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
          if (!response.destroyed) response.once('drain', more)
        }
        more()
      },
    ],
  ]
  it('accepts known keys, refuses unknown ones in time, and does not flood the host', async () => {
    const [known, unknown] = [await signer('one'), await signer('two')]
    answer = serve([known.jwk])
    await start()
    try {
      expect(await statusOf(await known.token())).toBe(101)
      for (const [, mode] of modes) {
        answer = mode
        fetches = 0
        const began = performance.now()
        const bad = await Promise.all(Array.from({ length: 30 }, async () => statusOf(await unknown.token())))
        expect(new Set(bad)).toEqual(new Set([401]))
        expect(performance.now() - began).toBeLessThan(11_000)
        expect(fetches).toBeLessThanOrEqual(2)
        expect(await statusOf(await known.token())).toBe(101)
      }
      expect(await relay.metric('process_resident_memory_bytes')).toBeLessThan(300e6)
      await relay.nothingLeft()
    } finally {
      await relay.stop()
    }
  })
})

describe('27. a rotation under load', () => {
  it('refuses no valid token, and accepts the new key within one cool-down', async () => {
    const [old, next] = [await signer('old'), await signer('next')]
    answer = serve([old.jwk])
    await start()
    try {
      const before = await Promise.all(Array.from({ length: 20 }, async () => statusOf(await old.token())))
      answer = serve([next.jwk, old.jwk])
      const after = await Promise.all(Array.from({ length: 50 }, async (_, n) => statusOf(await (n % 2 === 0 ? next : old).token())))
      expect(new Set([...before, ...after])).toEqual(new Set([101]))
      expect(fetches).toBeLessThanOrEqual(3)
    } finally {
      await relay.stop()
    }
  })
})

describe('28. keys that must not be used, and some that may', () => {
  it('a shared secret and a weak key are refused, two keys of one kid are both tried', async () => {
    const [one, two, weak, good] = [await signer('twice'), await signer('twice'), await signer('weak', 'RS256', { modulusLength: 2048 }), await signer('good')]
    const secret = new TextEncoder().encode('a secret that everybody can read in the key set')
    const shared = { kty: 'oct', kid: 'shared', k: Buffer.from(secret).toString('base64url'), alg: 'HS256' }
    // The first half of the modulus looks like an RSA key of 1024 bits.
    const short = {
      ...weak.jwk,
      n: Buffer.from(weak.jwk.n ?? '', 'base64url')
        .subarray(0, 128)
        .toString('base64url'),
    }
    answer = serve([one.jwk, two.jwk, shared, short, good.jwk])
    await start()
    try {
      const right = [await good.token(), await one.token(), await two.token()]
      expect(await Promise.all(right.map(statusOf))).toEqual([101, 101, 101])
      const stranger = await signer('twice')
      const bad = [await stranger.token(), await weak.token(), await sign(secret, { alg: 'HS256', kid: 'shared' }), await good.token({ kid: 'shared' })]
      expect(await Promise.all(bad.map(statusOf))).toEqual([401, 401, 401, 401])
    } finally {
      await relay.stop()
    }
  })
})
