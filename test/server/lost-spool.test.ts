// A running relay whose spool is taken away, blocked or full: what is said is kept once it can be, what cannot be is logged, counted and audited.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mayMount } from '../support/mount.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

const KEY = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

let folder: string
let spool: string
let relay: RunningRelay | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-lost-spool-'))
  spool = join(folder, 'spool')
  for (const name of ['store', 'spool', 'audit']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ default: { record: 'transcript' } }))
})
afterEach(async () => {
  await stopped()
  rmSync(folder, { recursive: true })
})

async function stopped(): Promise<void> {
  await relay?.close()
  relay = undefined
}

async function connected(): Promise<RealtimeClient> {
  relay = await runRelay({
    env: {
      ...{ RECORDS_URL: join(folder, 'store'), RECORDS_SPOOL: spool, RECORDS_CONSENT: 'none', PROFILES_FILE: join(folder, 'profiles.json') },
      ...{ SUBJECT_KEY: 'a key of the tests for digests of users', AUDIT_DIR: join(folder, 'audit'), AUDIT_KEY: KEY.replaceAll('\n', '\\n') },
    },
  })
  const client = await connectClient(`${relay.wsUrl}/v1/realtime`, await relay.token('alice'))
  await client.next('session.created')
  return client
}

const namesIn = (dir: string) => readdirSync(dir, { recursive: true }).map(String)
const spooled = () => vi.waitFor(() => expect(namesIn(spool).some((name) => name.endsWith('manifest.json'))).toBe(true), { timeout: 10_000, interval: 50 })
const lostIs = (count: number) =>
  vi.waitFor(async () => expect(await (await fetch(`${relay?.relay.adminUrl}/metrics`)).text()).toMatch(new RegExp(`^relay_records_lost ${count}$`, 'm')), {
    timeout: 10_000,
    interval: 100,
  })
const audited = () =>
  namesIn(join(folder, 'audit'))
    .map((name) => readFileSync(join(folder, 'audit', name), 'utf8'))
    .join('')
const kept = () => {
  const name = namesIn(join(folder, 'store')).find((one) => one.endsWith('turns.jsonl')) ?? ''
  return readFileSync(join(folder, 'store', name), 'utf8')
}

async function left(client: RealtimeClient): Promise<void> {
  client.close()
  await client.closed()
  await stopped()
}

describe('the spool of a running relay', { timeout: 60_000 }, () => {
  it('that is taken away is made again, with all that the session has said', async () => {
    const client = await connected()
    await client.ask('said before')
    await spooled()
    rmSync(spool, { recursive: true })
    await client.ask('said after')
    await spooled()
    await left(client)
    expect(kept()).toContain('said before')
    expect(kept()).toContain('said after')
    expect(audited()).toMatch(/"kind":"spool_gone".*"waiting":0/)
    expect(audited()).toContain('"kind":"recorded"')
  })

  it('in whose place a file stands is counted and audited, and the session is kept when it is back', async () => {
    const client = await connected()
    await client.ask('said before')
    await spooled()
    renameSync(spool, join(folder, 'away'))
    writeFileSync(spool, 'no folder')
    await client.ask('said meanwhile')
    await lostIs(1)
    rmSync(spool)
    await lostIs(0)
    await left(client)
    expect(kept()).toContain('said meanwhile')
    expect(audited()).toContain('"kind":"not_recorded"')
  })

  it('and never comes back, loses the record of the session, and nothing else', async () => {
    const client = await connected()
    await client.ask('said before')
    await spooled()
    rmSync(spool, { recursive: true })
    writeFileSync(spool, 'no folder')
    await client.ask('said meanwhile')
    await lostIs(1)
    const events = await client.ask('and still answered')
    expect(events.at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    await left(client)
    expect(namesIn(join(folder, 'store'))).toEqual([])
    expect(audited()).toContain('"kind":"not_recorded"')
    rmSync(spool)
  })

  it.skipIf(!mayMount())('on a disk that is full is counted, and the session is kept when there is place (skipped if no disk can be mounted)', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', spool])
    try {
      const client = await connected()
      expect(() => writeFileSync(join(spool, 'filling'), Buffer.alloc(1_000_000))).toThrow('ENOSPC')
      await client.ask('said while it was full')
      await lostIs(1)
      rmSync(join(spool, 'filling'))
      await lostIs(0)
      await left(client)
      expect(kept()).toContain('said while it was full')
    } finally {
      execFileSync('umount', [spool])
    }
  })
})
