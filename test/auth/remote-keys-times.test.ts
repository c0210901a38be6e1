// When keys are fetched, kept and dropped: every time and bound at its edge, with a clock and timers that the test moves.
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { createRemoteKeys, type Fetch, type RemoteKeys } from '../../src/auth/remote-keys.js'

const URL_OF_KEYS = new URL('https://idp.example/keys')
const START = 1_800_000_000_000
let now = START
const jwks: JWK[] = []

beforeAll(async () => {
  for (const kid of ['one', 'two']) jwks.push({ ...(await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey)), kid, alg: 'ES256' })
})
beforeEach(() => {
  now = START
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

interface Host {
  readonly keys: RemoteKeys
  readonly calls: Parameters<Fetch>[]
  answer: () => Response | Promise<Response>
}

function keyHost(count = 1): Host {
  const fetch: Fetch = async (...call) => {
    host.calls.push(call)
    return host.answer()
  }
  const host: Host = { keys: createRemoteKeys(URL_OF_KEYS, { now: () => now, fetch }), calls: [], answer: () => served(count) }
  return host
}
const served = (count: number) => new Response(JSON.stringify({ keys: jwks.slice(0, count) }))
const refused = () => new Response('no', { status: 503 })

/** `key`, or the word or error code of a refusal. */
const ask = (host: Host, kid = 'one'): Promise<string> =>
  Promise.resolve(host.keys.keyFor({ alg: 'ES256', kid }, { payload: '', signature: '' })).then(
    () => 'key',
    (error) => error.why ?? error.code,
  )
const UNKNOWN = 'ERR_JWKS_NO_MATCHING_KEY'
/** Lets all work finish that needs no timer. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

it('requests JSON from one URL within a time limit and follows no redirect', async () => {
  const host = keyHost()
  expect(await ask(host)).toBe('key')
  expect(host.calls).toHaveLength(1)
  const [url, init] = host.calls[0] as Parameters<Fetch>
  expect(url).toBe(URL_OF_KEYS)
  expect(init).toMatchObject({ redirect: 'error', headers: { accept: 'application/json, application/jwk-set+json' } })
  expect(init.signal).toBeInstanceOf(AbortSignal)
})

it('fetches again in the background after five minutes, and before it answers after ten', async () => {
  const host = keyHost()
  await ask(host)
  now = START + 300_000
  expect([await ask(host), host.calls.length]).toEqual(['key', 1])
  host.answer = () => new Promise(() => {})
  now = START + 300_001
  expect([await ask(host), host.calls.length]).toEqual(['key', 2])

  const other = keyHost()
  await ask(other)
  now += 600_000
  other.answer = () => served(2)
  expect(await ask(other, 'one')).toBe('key')
  expect(other.calls).toHaveLength(2)
  await settle()
  now += 600_001
  let answered = false
  let give = (_: Response) => {}
  other.answer = () => new Promise((resolve) => (give = resolve))
  const waiting = ask(other, 'two').finally(() => (answered = true))
  await settle()
  expect([answered, other.calls.length]).toEqual([false, 3])
  give(served(2))
  expect(await waiting).toBe('key')
})

it('keeps keys for a day without a fetch, and reports its health', async () => {
  const host = keyHost()
  expect(await ask(host)).toBe('key')
  expect(await host.keys.health()).toEqual({ status: 'ok', detail: 'signing keys present' })
  host.answer = refused
  now = START + 24 * 3_600_000
  expect(await ask(host)).toBe('key')
  expect(await host.keys.health()).toEqual({ status: 'degraded', detail: 'key host failing, using kept keys' })
  now++
  expect(await ask(host)).toBe('no_keys')
  expect(await host.keys.health()).toEqual({ status: 'down', detail: 'no signing keys' })
})

it('for an unknown kid fetches at once if the cool-down of two seconds is over, else at its end', async () => {
  const host = keyHost()
  await ask(host)
  host.answer = () => served(2)
  now = START + 1999
  const waiting = ask(host, 'two')
  await settle()
  expect(host.calls).toHaveLength(1)
  now++
  await vi.advanceTimersByTimeAsync(1)
  expect([await waiting, host.calls.length]).toEqual(['key', 2])

  const other = keyHost()
  await ask(other)
  other.answer = () => served(2)
  now += 2000
  expect([await ask(other, 'two'), other.calls.length]).toEqual(['key', 2])
})

it('doubles the cool-down up to half a minute while fetches bring nothing new, but no caller waits longer than four seconds', async () => {
  const host = keyHost()
  await ask(host)
  let at = START
  for (const seconds of [2, 4, 8, 16, 30, 30]) {
    const before = host.calls.length
    if (seconds > 4) {
      now = at + seconds * 1000 - 4001
      expect([await ask(host, 'made-up'), host.calls.length]).toEqual([UNKNOWN, before])
    }
    now = at + seconds * 1000 - Math.min(4000, seconds * 1000 - 1)
    const waiting = ask(host, 'made-up')
    await settle()
    expect(host.calls.length).toBe(before)
    const left = at + seconds * 1000 - now
    now = at = now + left
    await vi.advanceTimersByTimeAsync(left)
    expect([await waiting, host.calls.length]).toEqual([UNKNOWN, before + 1])
  }
})

it.each([
  [30_000, 1],
  [30_001, 2],
])('after %i ms without a fetch an unknown kid finds a cool-down that lets %i fetches through in a row', async (quiet, fetches) => {
  const host = keyHost()
  await ask(host)
  now += 2000
  await ask(host, 'made-up')
  const before = host.calls.length
  now += quiet
  await ask(host, 'made-up')
  now += 4000
  const late = ask(host, 'made-up')
  await settle()
  expect(host.calls.length - before).toBe(fetches)
  now += 4000
  await vi.advanceTimersByTimeAsync(4000)
  await late
})

it('new keys end the long cool-down', async () => {
  const host = keyHost()
  await ask(host)
  now += 2000
  await ask(host, 'made-up')
  now += 4000
  host.answer = () => served(2)
  await ask(host, 'made-up')
  host.answer = () => served(1)
  now += 2000
  await ask(host, 'made-up')
  expect(host.calls).toHaveLength(4)
})

it('without keys fetches every two seconds; with kept keys it pauses longer after failures', async () => {
  const host = keyHost()
  host.answer = refused
  for (let n = 0; n < 4; n++) {
    expect([await ask(host), host.calls.length]).toEqual(['no_keys', n + 1])
    now += 2000
  }
  host.answer = () => served(1)
  expect(await ask(host)).toBe('key')
  host.answer = refused
  const before = host.calls.length
  now += 2000
  await ask(host, 'made-up')
  now += 2000
  const waiting = ask(host, 'made-up')
  await settle()
  expect(host.calls.length).toBe(before + 1)
  now += 2000
  await vi.advanceTimersByTimeAsync(2000)
  await waiting
  expect(host.calls.length).toBe(before + 2)
})

it('lets a thousand callers wait for one fetch and refuses the next at once', async () => {
  const host = keyHost()
  await ask(host)
  host.answer = () => served(2)
  now += 1000
  let refusedAtOnce = 0
  const count = (word: string) => {
    if (word === UNKNOWN) refusedAtOnce++
    return word
  }
  const waiting = Array.from({ length: 1001 }, () => ask(host, 'two').then(count))
  for (let n = 0; n < 5; n++) await settle()
  expect(refusedAtOnce).toBe(1)
  now += 1000
  await vi.advanceTimersByTimeAsync(1000)
  expect((await Promise.all(waiting)).filter((word) => word === 'key')).toHaveLength(1000)
  expect(host.calls).toHaveLength(2)
  // Those that waited have left the queue.
  now += 1000
  const again = ask(host, 'made-up').then(count)
  for (let n = 0; n < 5; n++) await settle()
  expect(refusedAtOnce).toBe(1)
  now += 1000
  await vi.advanceTimersByTimeAsync(1000)
  expect(await again).toBe(UNKNOWN)
})

it.each([
  ['a document of a mebibyte', () => padded(2 ** 20), 'key'],
  ['a byte more', () => padded(2 ** 20 + 1), 'no_keys'],
  ['another status, though with keys', () => new Response(JSON.stringify({ keys: jwks }), { status: 203 }), 'no_keys'],
  ['no body', () => new Response(null), 'no_keys'],
  ['a host that cannot be reached', () => Promise.reject(new Error('unreachable')), 'no_keys'],
])('%s', async (_name, answer, outcome) => {
  const host = keyHost()
  host.answer = answer
  expect(await ask(host)).toBe(outcome)
})

it('closes the body of every refused answer', async () => {
  const host = keyHost()
  const answer = refused()
  const cancel = vi.spyOn(answer.body as ReadableStream, 'cancel')
  host.answer = () => answer
  await ask(host)
  expect(cancel).toHaveBeenCalledOnce()
})

it('fetches for a health check if there are no keys, as often as the cool-down allows', async () => {
  const host = keyHost()
  host.answer = refused
  expect((await host.keys.health()).status).toBe('down')
  now += 1999
  expect([(await host.keys.health()).status, host.calls.length]).toEqual(['down', 1])
  host.answer = () => served(1)
  now++
  expect([(await host.keys.health()).status, host.calls.length]).toEqual(['ok', 2])
  now += 60_000
  expect([(await host.keys.health()).status, host.calls.length]).toEqual(['ok', 2])
})

function padded(bytes: number): Response {
  return new Response(JSON.stringify({ keys: jwks.slice(0, 1) }).padEnd(bytes))
}
