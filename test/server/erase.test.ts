// The command `erase` beside a real relay and Redis: what is of one user goes, what is of others stays, and the audit stays whole and says so.
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import { createPersonNames } from '../../src/records/person.js'
import { connectClient } from '../support/realtime-client.js'
import { uniquePrefix } from '../support/redis.js'
import { runRelay } from '../support/running-relay.js'

const run = promisify(execFile)
const { privateKey } = generateKeyPairSync('ed25519')
let folder: string
let env: Record<string, string>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-erase-'))
  for (const name of ['store', 'spool', 'audit']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ default: { record: 'transcript' } }))
  env = {
    RECORDS_URL: join(folder, 'store'),
    RECORDS_SPOOL: join(folder, 'spool'),
    RECORDS_CONSENT: 'none',
    SUBJECT_KEY: 'a key of the tests for digests of users',
    PROFILES_FILE: join(folder, 'profiles.json'),
    REDIS_URL: process.env.REDIS_URL ?? '',
    REDIS_KEY_PREFIX: uniquePrefix(),
    AUDIT_DIR: join(folder, 'audit'),
    AUDIT_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
})
afterEach(() => rmSync(folder, { recursive: true }))

const erase = (subject: string, over: Record<string, string> = {}) => command(['erase', '--sub', subject], over)

async function command(words: readonly string[], over: Record<string, string> = {}): Promise<{ readonly code: number; readonly text: string }> {
  const own = { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice', AZURE_OPENAI_API_KEY: 'key', JWT_SECRET: 'x'.repeat(32) }
  const args = ['--import', 'tsx', 'src/cli.ts', ...words]
  return run(process.execPath, args, { env: { PATH: process.env.PATH, HOME: process.env.HOME, ...own, ...env, ...over } }).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, text: `${error.stdout}${error.stderr}` }),
  )
}

function records(): readonly string[] {
  return (readdirSync(join(folder, 'store'), { recursive: true }) as string[]).filter((name) => name.endsWith('turns.jsonl'))
}

describe('erase', () => {
  it('removes what is stored of one user alone, says what remains, and is audited', async () => {
    const relay = await runRelay({ env })
    for (const user of ['alice*', 'alice']) {
      const client = await connectClient(`${relay.wsUrl}/v1/realtime`, await relay.token(user))
      await client.next('session.created')
      await client.ask(`I am ${user}.`)
      client.close()
      await client.closed()
    }
    await relay.close()
    expect(records()).toHaveLength(2)

    const { code, text } = await erase('alice*')
    expect(text).toMatch(/removed {2}record {3}\d{4}-\d{2}-\d{2}\/[0-9a-f]{32}\//)
    expect(text).toContain('removed  redis    usage:{alice*}:')
    expect(text).not.toContain('usage:{alice}:')
    expect(text).toMatch(/remains {2}lines of the audit: a digest/)
    expect(code).toBe(0)
    expect(records()).toHaveLength(1)
    expect(readFileSync(join(folder, 'store', records()[0] ?? ''), 'utf8')).toContain('I am alice.')

    const again = await erase('alice*')
    expect(again.text).not.toContain('removed')
    const lines = readdirSync(join(folder, 'audit'))
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => readFileSync(join(folder, 'audit', name), 'utf8'))
      .join('')
    expect(lines).toMatch(/"keys":[1-9]\d*,"kind":"erased".*"records":1.*"sub":"h:[0-9a-f]{32}".*"whole":1/)
    expect(lines).not.toContain('alice')
    // By the checkpoints in Redis, the one of the erasure included.
    expect(await command(['audit', 'verify', join(folder, 'audit'), '--key', join(folder, 'key.pem')])).toMatchObject({ code: 0, text: expect.stringContaining('whole') })
  }, 60_000)

  it('names what it removed of a spool that it cannot read in part, and fails', async () => {
    const person = createPersonNames(new Secret(env.SUBJECT_KEY ?? ''))('alice')
    const waiting = join(folder, 'spool', '0123456789ab', `2026-12-01~${person}~s1`)
    mkdirSync(waiting, { recursive: true })
    writeFileSync(join(waiting, 'turns.jsonl'), '{}')
    // Refused to root as well.
    symlinkSync('0123456789aa', join(folder, 'spool', '0123456789aa'))
    const { code, text } = await erase('alice')
    expect(text).toContain(`removed  spool    2026-12-01/${person}/s1`)
    expect(text).toContain('failed   a part of the spool could not be read or removed')
    expect(code).toBe(1)
    expect(existsSync(waiting)).toBe(false)
  }, 60_000)

  it('names what it removed of a store that refuses the rest, and fails', async () => {
    const person = createPersonNames(new Secret(env.SUBJECT_KEY ?? ''))('alice')
    const kept = join(folder, 'store', '2026-12-01', person, 's1')
    mkdirSync(kept, { recursive: true })
    symlinkSync('2026-12-02', join(folder, 'store', '2026-12-02'))
    const { code, text } = await erase('alice')
    expect(text).toContain(`removed  record   2026-12-01/${person}/s1`)
    expect(text).toContain('failed   the store of records does not answer, or refuses')
    expect(code).toBe(1)
    expect(existsSync(kept)).toBe(false)
  }, 60_000)

  it('fails, with what it could not ask, if Redis is away', async () => {
    const { code, text } = await erase('alice', { REDIS_URL: 'redis://127.0.0.1:1' })
    expect(text).toContain('failed   Redis does not answer')
    expect(code).toBe(1)
  }, 60_000)

  it('needs a name', async () => {
    expect(await erase('')).toMatchObject({ code: 1, text: expect.stringContaining('--sub') })
  }, 30_000)
})
