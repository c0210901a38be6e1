// Recordings of sessions that move to another instance: consent moves with them, given or withdrawn, whatever the token says.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type OwnRedis, startRedis } from '../support/redis.js'
import { comeBack, type Door, enabled, type Returning } from '../support/returning.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { appendable, tone } from '../support/speech.js'

let folder: string
let identity: string
let redis: OwnRedis
const relays = new Map<string, RunningRelay>()

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relay-moved-recordings-'))
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ default: { record: 'audio', relayEvents: true } }))
  identity = await generateIdentity()
  redis = await startRedis()
})
afterEach(async () => {
  await stopped()
  await redis.stop()
  rmSync(folder, { recursive: true })
})

async function stopped(): Promise<void> {
  await Promise.all([...relays.values()].map((relay) => relay.close()))
  relays.clear()
}

/** Each with a store of its own, so that it is known who kept what. */
async function started(name: 'a' | 'b', consent: string): Promise<void> {
  for (const what of ['store', 'spool']) mkdirSync(join(folder, `${what}-${name}`))
  const env = {
    ...{ REDIS_URL: redis.url, RESUME_STORE: 'redis', RESUME_SECONDS: '30', PROFILES_FILE: join(folder, 'profiles.json'), MESSAGES_PER_SECOND: '10000' },
    ...{ RECORDS_URL: join(folder, `store-${name}`), RECORDS_SPOOL: join(folder, `spool-${name}`), RECORDS_CONSENT: consent },
    ...{ RECORDS_RECIPIENTS: await identityToRecipient(identity), SUBJECT_KEY: 'a key of the tests for digests of users' },
  }
  const relay = await runRelay({ env, tools: [], simulator: { speed: Number.POSITIVE_INFINITY } })
  relays.set(name, relay)
  const ready = async () => (await fetch(`${relay.relay.url}/readyz`)).json()
  await vi.waitFor(async () => expect(await ready()).toMatchObject({ checks: { limits: { status: 'ok' } } }), { timeout: 8000, interval: 20 })
}

async function door(name: 'a' | 'b', claims: object): Promise<Door> {
  const relay = relays.get(name) as RunningRelay
  return { wsUrl: relay.wsUrl, bearer: await relay.token('alice', { relayEvents: true, ...claims }) }
}

/** Says its word on consent to the first, moves, and speaks to the second. */
async function moved(consent: string, claims: object, granted: boolean): Promise<void> {
  await Promise.all([started('a', consent), started('b', consent)])
  const first = await enabled(await door('a', claims))
  const from = first.client.events.length
  first.send({ type: 'relay.recording.consent', granted })
  expect(await first.client.next('relay.recording', { from })).toMatchObject({ state: granted ? 'on' : 'stopped' })
  await first.lose()
  const second = await comeBack(await door('b', claims), first)
  await spoken(second)
  await second.ask('What do you keep?')
  second.client.close()
  await second.client.closed()
  await stopped()
}

async function spoken({ client, send }: Returning): Promise<void> {
  for (const audio of appendable(tone(400))) send({ type: 'input_audio_buffer.append', audio })
  const from = client.events.length
  send({ type: 'input_audio_buffer.clear' })
  await client.next('input_audio_buffer.cleared', { from })
}

function stored(name: 'a' | 'b'): readonly string[] {
  const all = readdirSync(join(folder, `store-${name}`), { recursive: true, withFileTypes: true })
  return all.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
}

async function opened(path: string | undefined): Promise<Buffer> {
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  return Buffer.from(await decrypter.decrypt(readFileSync(path ?? '')))
}

describe('a session that moves', () => {
  it.each([
    ['claim', 'required', { recording_consent: true }],
    ['nothing', 'none', {}],
    ['announcement', 'announce', {}],
  ])(
    'is not recorded there if consent by %s was withdrawn before',
    async (_, consent, claims) => {
      await moved(consent, claims, false)
      expect(stored('b')).toEqual([])
    },
    60_000,
  )

  it('is recorded there, with its sound, if consent was given by an event before', async () => {
    await moved('required', {}, true)
    const manifest = JSON.parse(readFileSync(stored('b').find((one) => one.endsWith('manifest.json')) ?? '', 'utf8'))
    expect(manifest).toMatchObject({ end: 'complete', gaps: [], states: [{ state: 'on' }] })
    const words = await opened(stored('b').find((one) => one.endsWith('/turns.jsonl.age')))
    expect(words.toString()).toContain('What do you keep?')
    const sound = await opened(stored('b').find((one) => one.endsWith('/user-0001.wav.age')))
    expect(sound.includes(tone(400).subarray(2000, 4000))).toBe(true)
  }, 60_000)
})
