// Requests to ACS that hang, fail or are refused: each ends in time with an error that names nobody.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { Secret } from '../../../../src/config/secret.js'
import { AcsError, createAcsControl } from '../../../../src/ingress/phone/acs/control.js'
import { createTransfers } from '../../../../src/ingress/phone/acs/transfers.js'

let server: Server
async function serve(listener: RequestListener, requestMs?: number) {
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return createAcsControl({ endpoint, accessKey: new Secret(Buffer.from('key').toString('base64')) }, requestMs === undefined ? {} : { requestMs })
}
afterEach(() => {
  server.close()
  server.closeAllConnections()
})
const failure = (attempt: Promise<unknown>) =>
  attempt.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a request', () => {
  it('that is not answered ends in time', async () => {
    const control = await serve(() => undefined, 200)
    const error = await failure(control.answer('context', { callbackUri: 'https://r.example/c', transportUrl: 'wss://r.example/m' }))
    expect(error).toMatchObject({ name: 'AcsError', operation: 'answer', why: 'timeout', status: undefined })
  })

  it('that is refused names a status and nothing of the answer', async () => {
    const control = await serve((_request, response) =>
      response.writeHead(403, { 'content-type': 'application/json' }).end('{"error":{"code":"x","message":"about +14255550100"}}'),
    )
    const error = await failure(control.transfer('connection-1', '+14255550100', 'op'))
    expect(error).toBeInstanceOf(AcsError)
    expect(error).toMatchObject({ operation: 'transfer', why: 'refused', status: 403 })
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('4255550100')
    expect((error as Error).cause).toBeUndefined()
  })

  it('is repeated if the service fails, under the same name', async () => {
    const names: unknown[] = []
    const control = await serve((request, response) => {
      names.push(request.headers['repeatability-request-id'])
      response.writeHead(names.length === 1 ? 503 : 204).end()
    })
    await control.reject('context', 'busy')
    expect(names).toHaveLength(2)
    expect(new Set(names).size).toBe(1)
  })

  it('to a service that is away ends in time', async () => {
    const control = await serve(() => undefined)
    server.close()
    server.closeAllConnections()
    expect(await failure(control.startMedia('connection-1'))).toMatchObject({ operation: 'start_media', why: 'unreachable' })
  })

  it('to hang up what is gone has done it', async () => {
    const control = await serve((_request, response) => response.writeHead(404).end())
    await control.hangUp('connection-1')
    expect(await failure(control.transfer('connection-1', '8:acs:user', 'op'))).toMatchObject({ status: 404 })
  })

  it('is waited for, and one that follows it too', async () => {
    const seen: string[] = []
    const control = await serve((request, response) => {
      setTimeout(() => {
        seen.push(request.url?.split(/[?:]/)[1] ?? '')
        response.writeHead(204).end()
      }, 30)
    })
    void control.reject('context', 'busy').then(() => control.hangUp('connection-1'))
    await control.idle()
    expect(seen).toEqual(['reject', 'terminate'])
    await control.idle()
  })

  it('that answers without naming a connection is refused', async () => {
    const control = await serve((_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'))
    expect(await failure(control.answer('context', { callbackUri: 'https://r.example/c', transportUrl: 'wss://r.example/m' }))).toBeInstanceOf(AcsError)
  })
})

describe('with Entra', () => {
  it('a request has a token for the service instead of a signature, over TLS alone', { timeout: 30_000 }, async () => {
    const file = (name: string) => fileURLToPath(new URL(`../../../support/tls/${name}`, import.meta.url))
    const shown: (string | undefined)[] = []
    const tls = createTlsServer({ cert: readFileSync(file('localhost-cert.pem')), key: readFileSync(file('localhost-key.pem')) }, (request, response) => {
      shown.push(request.headers.authorization)
      response.writeHead(204).end()
    }).listen(0, '127.0.0.1')
    await once(tls, 'listening')
    const script = fileURLToPath(new URL('./ask-by-entra.ts', import.meta.url))
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: file('localhost-cert.pem') }
    const ask = async (...args: string[]) => (await promisify(execFile)(process.execPath, ['--import', 'tsx', script, ...args], { env })).stdout.trim()
    expect(await ask(`https://localhost:${(tls.address() as AddressInfo).port}`)).toBe('ok')
    expect(shown).toEqual(['Bearer token-for:https://communication.azure.com//.default'])
    // As in a sovereign cloud.
    expect(await ask(`https://localhost:${(tls.address() as AddressInfo).port}`, 'https://communication.azure.us//.default')).toBe('ok')
    expect(shown.splice(1)).toEqual(['Bearer token-for:https://communication.azure.us//.default'])
    await serve((request, response) => {
      shown.push(request.headers.authorization)
      response.writeHead(204).end()
    })
    expect(await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)).toBe('hang_up: unreachable')
    expect(shown).toHaveLength(1)
    tls.close()
    tls.closeAllConnections()
  })
})

describe('transfers', () => {
  it('are settled by their own name, whatever comes first', async () => {
    const transfers = createTransfers()
    const names: string[] = []
    const begun = [1, 2].map(() =>
      transfers.begin(async (operation) => {
        names.push(operation)
        if (names.length === 2) transfers.settle(operation, true)
      }),
    )
    await begun[1]
    transfers.settle('unknown', true)
    transfers.settle(names[0], false)
    expect(await failure(begun[0] ?? Promise.resolve())).toMatchObject({ why: 'refused' })
    await transfers.idle()
  })

  it('that nobody speaks of end in time', async () => {
    const transfers = createTransfers(30)
    const begun = transfers.begin(async () => undefined)
    expect(await failure(begun)).toMatchObject({ operation: 'transfer', why: 'timeout' })
    await transfers.idle()
  })

  it('are done if the call ends after they were begun', async () => {
    const transfers = createTransfers()
    const begun = transfers.begin(async () => undefined)
    await Promise.resolve()
    transfers.over()
    await begun
  })
})
