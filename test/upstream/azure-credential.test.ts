// Entra ID tokens over time: single flight, early renewal, the last good token, cool-down, late answers. The clock is vitest's.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createEntraTokens, type EntraTokens, type TokenCredential } from '../../src/upstream/azure-credential.js'

const HOUR = 3_600_000
const never = new AbortController().signal
const quiet = { warn: () => undefined }

/** A credential whose calls the test answers one by one. */
function manual() {
  const calls: {
    succeed(token: string, lifetimeMs?: number): void
    fail(): void
    answer(value: { token: string; expiresOnTimestamp: number } | null): void
    signal: AbortSignal | undefined
  }[] = []
  const credential: TokenCredential = {
    getToken: (_scope, options) =>
      new Promise((resolve, reject) => {
        calls.push({
          signal: options?.abortSignal,
          succeed: (token, lifetimeMs = HOUR) => resolve({ token, expiresOnTimestamp: Date.now() + lifetimeMs }),
          answer: resolve,
          fail: () => reject(new Error('no')),
        })
      }),
  }
  return { calls, credential }
}

describe('Entra ID tokens', () => {
  let tokens: EntraTokens
  const { signal } = new AbortController()
  const reveal = async () => (await tokens.get(signal, 1_000)).reveal()
  beforeEach(() => vi.useFakeTimers())
  afterEach(async () => {
    tokens.close()
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  it('requests one token for many simultaneous dials, then returns it without a request', async () => {
    const { calls, credential } = manual()
    tokens = createEntraTokens('scope', quiet, credential)
    const waiting = Promise.all([reveal(), reveal(), reveal()])
    await vi.advanceTimersByTimeAsync(0)
    expect(tokens.health()).toEqual({ status: 'degraded', detail: 'Entra ID token pending' })
    calls[0]!.succeed('one')
    expect(await waiting).toEqual(['one', 'one', 'one'])
    expect(await reveal()).toBe('one')
    expect(calls).toHaveLength(1)
    expect(tokens.health().status).toBe('ok')
  })

  it('renews between 90 seconds and 4.5 minutes ahead of expiry, not always at the same time', async () => {
    const leads = new Set<number>()
    for (let round = 0; round < 8; round++) {
      const { calls, credential } = manual()
      tokens = createEntraTokens('scope', quiet, credential)
      await vi.advanceTimersByTimeAsync(0)
      const end = Date.now() + HOUR
      calls[0]!.succeed('one')
      await vi.advanceTimersByTimeAsync(0)
      while (calls.length === 1) await vi.advanceTimersToNextTimerAsync()
      const lead = end - Date.now()
      expect(lead).toBeGreaterThanOrEqual(90_000)
      expect(lead).toBeLessThanOrEqual(270_000)
      leads.add(lead)
      tokens.close()
      await vi.advanceTimersByTimeAsync(0)
    }
    expect(leads.size).toBeGreaterThan(1)
  })

  it('renews as far ahead as it is told', async () => {
    const { calls, credential } = manual()
    tokens = createEntraTokens('scope', quiet, credential, undefined, { least: 200_000, spread: 0 })
    await vi.advanceTimersByTimeAsync(0)
    const end = Date.now() + HOUR
    calls[0]!.succeed('one')
    await vi.advanceTimersByTimeAsync(0)
    while (calls.length === 1) await vi.advanceTimersToNextTimerAsync()
    expect(end - Date.now()).toBe(200_000)
  })

  it('a short-lived token is renewed at half its life', async () => {
    const { calls, credential } = manual()
    tokens = createEntraTokens('scope', quiet, credential)
    await vi.advanceTimersByTimeAsync(0)
    calls[0]!.succeed('one', 60_000)
    await vi.advanceTimersByTimeAsync(29_000)
    expect(calls).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(calls).toHaveLength(2)
  })

  it('uses the last good token until its end while renewal fails, reports that, and recovers', async () => {
    const { calls, credential } = manual()
    const logged: Readonly<Record<string, unknown>>[] = []
    tokens = createEntraTokens('scope', { warn: (fields) => void logged.push(fields) }, credential)
    await vi.advanceTimersByTimeAsync(0)
    calls[0]!.succeed('one', 60_000)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(calls).toHaveLength(2)
    calls[1]!.fail()
    await vi.advanceTimersByTimeAsync(0)
    expect(await reveal()).toBe('one')
    expect(tokens.health()).toEqual({ status: 'degraded', detail: 'Entra ID token not renewed' })
    expect(logged).toEqual([{ cause: 'Error', stillValid: true }])
    await vi.advanceTimersByTimeAsync(20_000)
    expect(tokens.health()).toEqual({ status: 'down', detail: 'no Entra ID token' })
    const waiting = reveal()
    await vi.advanceTimersByTimeAsync(0)
    calls.at(-1)!.succeed('two')
    expect(await waiting).toBe('two')
    expect(tokens.health().status).toBe('ok')
  })

  it('retries by itself after a failure, so that health recovers without a dial', async () => {
    const { calls, credential } = manual()
    tokens = createEntraTokens('scope', quiet, credential)
    await vi.advanceTimersByTimeAsync(0)
    calls[0]!.fail()
    await vi.advanceTimersByTimeAsync(45_000)
    expect(calls).toHaveLength(2)
    calls[1]!.succeed('one')
    await vi.advanceTimersByTimeAsync(0)
    expect(tokens.health().status).toBe('ok')
  })

  it('dials right after a failure fail at once and cause no request until the cool-down is over', async () => {
    const { calls, credential } = manual()
    tokens = createEntraTokens('scope', quiet, credential)
    await vi.advanceTimersByTimeAsync(0)
    calls[0]!.fail()
    await vi.advanceTimersByTimeAsync(0)
    for (let i = 0; i < 50; i++) await expect(reveal()).rejects.toMatchObject({ code: 'upstream_refused', why: 'entra_token' })
    expect(calls).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(2_000)
    const waiting = reveal()
    await vi.advanceTimersByTimeAsync(0)
    calls[1]!.succeed('one')
    expect(await waiting).toBe('one')
  })

  it('gives up on an attempt after 30 seconds; its late answer replaces nothing', async () => {
    const { calls, credential } = manual()
    tokens = createEntraTokens('scope', quiet, credential)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(calls[0]!.signal?.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(45_000)
    calls[1]!.succeed('new')
    await vi.advanceTimersByTimeAsync(0)
    calls[0]!.succeed('old')
    await vi.advanceTimersByTimeAsync(0)
    expect(await reveal()).toBe('new')
  })

  it('a waiting dial gives up at its own time limit or when its caller leaves; the request goes on for the others', async () => {
    const { calls, credential } = manual()
    tokens = createEntraTokens('scope', quiet, credential)
    const impatient = expect(tokens.get(never, 100)).rejects.toMatchObject({ code: 'upstream_timeout' })
    const leave = new AbortController()
    const left = expect(tokens.get(leave.signal, 1_000)).rejects.toMatchObject({ code: 'upstream_refused', why: 'aborted' })
    const patient = reveal()
    leave.abort()
    await vi.advanceTimersByTimeAsync(100)
    await impatient
    await left
    calls[0]!.succeed('one')
    expect(await patient).toBe('one')
    expect(calls).toHaveLength(1)
  })

  it.each([
    ['none', null],
    ['an expired one', { token: 'x', expiresOnTimestamp: 0 }],
    ['one without an end', { token: 'x', expiresOnTimestamp: Number.NaN }],
    ['one with a line break', { token: 'x\r\nevil: 1', expiresOnTimestamp: Number.MAX_SAFE_INTEGER }],
    ['an empty one', { token: '', expiresOnTimestamp: Number.MAX_SAFE_INTEGER }],
  ])('does not use %s', async (_name, value) => {
    const { calls, credential } = manual()
    tokens = createEntraTokens('scope', quiet, credential)
    const refused = expect(reveal()).rejects.toMatchObject({ code: 'upstream_refused', why: 'entra_token' })
    await vi.advanceTimersByTimeAsync(0)
    calls[0]!.answer(value)
    await refused
    expect(tokens.health().status).toBe('down')
  })

  it('closing ends a request under way', async () => {
    const { calls, credential } = manual()
    tokens = createEntraTokens('scope', quiet, credential)
    const refused = expect(reveal()).rejects.toMatchObject({ code: 'upstream_refused' })
    await vi.advanceTimersByTimeAsync(0)
    tokens.close()
    await refused
    expect(calls[0]!.signal?.aborted).toBe(true)
  })
})
