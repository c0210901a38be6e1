// Guards that change while the relay runs: new sessions get them, running ones keep theirs, and a bad file changes nothing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import type { SessionProfile } from '../../src/core/policy/profile.js'
import { createGuardRegistry } from '../../src/guards/registry.js'
import type { Identity } from '../../src/ports/caller.js'
import type { GuardSet } from '../../src/ports/guards.js'
import { createLiveConfig, type LiveConfig } from '../../src/profiles/live.js'
import { checkTools } from '../../src/tools/check.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { contextOf, guardOptions, output } from '../guards/guard-lab.js'
import { testOptions } from '../tools/tool-context.js'

const alice: Identity = { subject: 'alice', issuer: undefined, tokenId: undefined, expiresAtMs: 0, claims: {} }
let folder: string
let live: LiveConfig | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-live-guards-'))
  write('profiles.json', {})
})
afterEach(async () => {
  await live?.close()
  live = undefined
  rmSync(folder, { recursive: true, force: true })
})

const write = (name: string, content: unknown) => writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
const words = (...deny: string[]) => [{ name: 'words', on: ['output'], run: { patterns: { deny } } }]
const load = () =>
  loadConfig(checkTools, {
    GUARDS_FILE: join(folder, 'guards.json'),
    PROFILES_FILE: join(folder, 'profiles.json'),
    JWT_SECRET: 'x'.repeat(32),
    AZURE_OPENAI_ENDPOINT: 'http://localhost:1',
    AZURE_OPENAI_DEPLOYMENT: 'x',
  })

async function start() {
  const closed: string[] = []
  const counted: string[] = []
  const logged: string[] = []
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const config = load()
  live = await createLiveConfig({
    config: { ...config, limits: { ...config.limits, handshakeTimeoutMs: 1 } },
    load,
    createTools: (version) => createToolRegistry(version.tools, testOptions()),
    async createGuards({ guards }) {
      const registry = await createGuardRegistry(guards, guardOptions())
      const close = async () => {
        closed.push(guards.map(({ run }) => (run.kind === 'patterns' ? run.deny[0]?.pattern : run.kind)).join())
        await registry.close()
      }
      return { ...registry, close }
    },
    log: { info: log, warn: log, error: log },
    count: (result) => void counted.push(result),
    watchMs: 1e8,
  })
  return { live, closed, counted, logged }
}
const blocks = async (guards: GuardSet | undefined, text: string) => (await guards?.ask('words', output(text), contextOf()))?.answer.type

describe('guards', () => {
  it('are new for new sessions; running ones keep theirs, which close after the last of them', async () => {
    write('guards.json', words('bomb'))
    const { live, closed, counted } = await start()
    const first = live.pin(live.profileFor(alice, undefined))
    write('guards.json', words('knife'))
    await live.reload()
    expect(counted).toEqual(['reloaded'])
    const second = live.pin(live.profileFor(alice, undefined))
    expect([await blocks(first.guards, 'bomb'), await blocks(first.guards, 'knife')]).toEqual(['block', 'pass'])
    expect([await blocks(second.guards, 'bomb'), await blocks(second.guards, 'knife')]).toEqual(['pass', 'block'])
    write('guards.json', words('third'))
    await live.reload()
    second.release()
    await expect.poll(() => closed).toEqual(['knife'])
    first.release()
    await expect.poll(() => closed).toEqual(['knife', 'bomb'])
  })

  it('reach a session only if its profile has some', async () => {
    write('guards.json', words('bomb'))
    write('profiles.json', { free: { guards: [] } })
    const { live } = await start()
    const profileOf = (claims: Record<string, unknown>): SessionProfile => live.profileFor({ ...alice, claims }, undefined)
    expect(profileOf({}).guards?.guards).toEqual([{ name: 'words', on: ['output'], mode: 'hold', whenUnsure: 'block' }])
    expect(profileOf({ relay_profile: 'free', profile: 'free', [live.config.profileClaim]: 'free' }).guards).toBeUndefined()
    expect(live.pin(profileOf({ [live.config.profileClaim]: 'free' })).guards).toBeUndefined()
    expect(live.pin(profileOf({})).guards).toBeDefined()
  })

  it('that are mistaken or do not load change nothing, and leave nothing open', async () => {
    write('guards.json', words('bomb'))
    const { live, counted, logged, closed } = await start()
    write('guards.json', words('(?=x)'))
    await live.reload()
    write('broken.mjs', 'throw new Error("hunter2")')
    write('guards.json', [{ name: 'broken', on: ['output'], run: { module: join(folder, 'broken.mjs') } }])
    await live.reload()
    expect(counted).toEqual(['refused', 'refused'])
    expect(logged.join()).toContain('no pattern of RE2')
    expect(logged.join()).toContain('cannot be loaded')
    expect(logged.join()).not.toContain('hunter2')
    expect(await blocks(live.pin(live.profileFor(alice, undefined)).guards, 'bomb')).toBe('block')
    expect(closed).toEqual([])
  })
})
