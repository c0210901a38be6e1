// Configuration that changes while the relay runs: new sessions get it, running ones keep their version, and a bad file changes nothing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { createLiveConfig } from '../../src/profiles/live.js'
import { checkTools } from '../../src/tools/check.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { connectClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay, SECRET } from '../support/running-relay.js'
import { testOptions } from '../tools/tool-context.js'

let folder: string
let running: RunningRelay | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-live-'))
  write('tools.json', [order('lookup_order')])
  write('instructions.txt', 'First persona.')
  write('profiles.json', {})
})
afterEach(async () => {
  await running?.close()
  running = undefined
  rmSync(folder, { recursive: true, force: true })
})

const MODULE = join(import.meta.dirname, '../support/order-tool.mjs')
const order = (name: string, exported = 'lookupOrder') => ({
  type: 'function',
  name,
  description: 'Looks up an order by its number.',
  parameters: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
  run: { module: `${MODULE}#${exported}` },
})
const write = (name: string, content: unknown) => writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
const files = () => ({
  TOOLS_FILE: join(folder, 'tools.json'),
  INSTRUCTIONS_FILE: join(folder, 'instructions.txt'),
  PROFILES_FILE: join(folder, 'profiles.json'),
})
const load = () => loadConfig(checkTools, { ...files(), JWT_SECRET: SECRET, AZURE_OPENAI_ENDPOINT: 'http://localhost:1', AZURE_OPENAI_DEPLOYMENT: 'x' })

describe('a running relay', () => {
  const start = async () => {
    running = await runRelay({ env: { TOOLS: '', INSTRUCTIONS: '', ...files() }, extras: { load } })
    return running
  }
  const open = async ({ wsUrl, token }: RunningRelay) => {
    const client = await connectClient(`${wsUrl}/v1/realtime`, await token())
    await client.next('session.created')
    return client
  }
  const configured = ({ simulator }: RunningRelay) => simulator.received.at(-1)?.events[0]?.session
  const reloads = async ({ relay }: RunningRelay, result: string) =>
    Number(new RegExp(`^relay_config_reloads_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(await (await fetch(`${relay.adminUrl}/metrics`)).text())?.[1] ?? 0)

  it('gives new sessions the current files, and lets running ones finish with their version', async () => {
    const relay = await start()
    const first = await open(relay)
    expect(configured(relay)).toMatchObject({ instructions: 'First persona.', tools: [{ name: 'lookup_order' }] })
    write('tools.json', [order('find_parcel')])
    write('instructions.txt', 'Second persona.')
    await relay.relay.reload()
    const second = await open(relay)
    expect(configured(relay)).toMatchObject({ instructions: 'Second persona.', tools: [{ name: 'find_parcel' }] })
    expect(await reloads(relay, 'reloaded')).toBeGreaterThan(0)
    const events = await first.ask('Look up order 7')
    expect(JSON.stringify(events)).toContain('of alice is on its way')
    first.close()
    second.close()
  })

  it('refuses a bad file as a whole, for any mistake', async () => {
    const relay = await start()
    write('instructions.txt', 'Second persona.')
    for (const bad of ['[{"type": ', [{ ...order('x'), run: {} }], [order('gone', 'nobodyExportsThis')], [order('a'), order('a')]]) {
      write('tools.json', bad)
      await relay.relay.reload()
    }
    write('tools.json', [order('find_parcel')])
    write('profiles.json', { default: { tools: ['nobody'] } })
    await relay.relay.reload()
    expect(await reloads(relay, 'refused')).toBeGreaterThanOrEqual(5)
    expect(await reloads(relay, 'reloaded')).toBe(0)
    const client = await open(relay)
    expect(configured(relay)).toMatchObject({ instructions: 'First persona.', tools: [{ name: 'lookup_order' }] })
    expect(JSON.stringify(await client.ask('Look up order 7'))).toContain('of alice is on its way')
    client.close()
  })
})

describe('the versions', () => {
  const alice = { subject: 'alice', issuer: undefined, tokenId: undefined, expiresAtMs: 1e15, claims: {} }

  /** `closed`: names of the tools whose version was closed, in order. */
  async function versions(change: { watchMs?: number; handshakeTimeoutMs?: number; afterReading?: () => void } = {}) {
    const closed: string[] = []
    const logged: string[] = []
    const log = (level: string) => (fields: object, message: string) => void logged.push(`${level} ${message} ${JSON.stringify(fields)}`)
    const counted: string[] = []
    const config = load()
    change.afterReading?.()
    const live = await createLiveConfig({
      config: { ...config, limits: { ...config.limits, handshakeTimeoutMs: change.handshakeTimeoutMs ?? 1 } },
      load,
      createTools: async (version) => {
        const registry = await createToolRegistry(version.tools, testOptions())
        const names = registry
          .specs()
          .map((spec) => spec.definition.name)
          .join()
        return {
          ...registry,
          close: async () => {
            closed.push(names)
            await registry.close()
          },
        }
      },
      log: { info: log('info'), warn: log('warn'), error: log('error') },
      count: (result) => void counted.push(result),
      // Only what a test asks for is read, unless it is about watching.
      watchMs: change.watchMs ?? 1e8,
    })
    return { live, closed, logged, counted }
  }
  const names = (tools: { readonly tools: readonly { definition: { name: string } }[] }) => tools.tools.map((tool) => tool.definition.name)

  it('close once their last session has ended, and not before', async () => {
    const { live, closed } = await versions()
    const profile = live.profileFor(alice, undefined)
    const { release } = live.pin(profile)
    write('tools.json', [order('find_parcel')])
    await live.reload()
    expect(names(live.profileFor(alice, undefined))).toEqual(['find_parcel'])
    expect(
      await live
        .toolsFor(profile)
        .run({ callId: 'c', name: 'lookup_order', arguments: '{"order_id":"7"}' }, { identity: alice, sessionId: 's', signal: new AbortController().signal }),
    ).toMatchObject({
      outcome: 'ok',
    })
    write('tools.json', [order('third')])
    await live.reload()
    // Nobody uses the second: it goes when no caller can be on the way to it any more.
    await expect.poll(() => closed).toEqual(['find_parcel'])
    release()
    release()
    await expect.poll(() => closed).toEqual(['find_parcel', 'lookup_order'])
    await live.close()
    expect(closed).toEqual(['find_parcel', 'lookup_order', 'third'])
  })

  it('stay for a caller that is admitted before the change and opens after it', async () => {
    const { live, closed } = await versions({ handshakeTimeoutMs: 60_000 })
    const profile = live.profileFor(alice, undefined)
    write('tools.json', [order('find_parcel')])
    await live.reload()
    const { release } = live.pin(profile)
    expect(names(live.toolsFor(profile))).toEqual(['lookup_order'])
    release()
    expect(closed).toEqual([])
    await live.close()
    expect(closed.sort()).toEqual(['find_parcel', 'lookup_order'])
  })

  it('follow a change of a file without a signal, and mistakes are logged by name and without content', async () => {
    const { live, logged, counted } = await versions({ watchMs: 20 })
    write('instructions.txt', 'Second persona, told to nobody.')
    await expect.poll(() => live.config.profiles.default?.instructions, { timeout: 10_000 }).toContain('Second persona')
    write('tools.json', '[{"type": "function", "name": "x", "secret-name": 1}]')
    await expect.poll(() => counted, { timeout: 10_000 }).toContain('refused')
    const refused = logged.find((line) => line.startsWith('error'))
    expect(refused).toContain('TOOLS entry 1')
    expect(logged.join()).not.toContain('persona')
    expect(live.config.profiles.default?.instructions).toContain('Second persona')
    await live.close()
  })

  it('follow a change between the first reading of the file and the start of the watch', async () => {
    const { live, counted } = await versions({ watchMs: 20, afterReading: () => write('tools.json', [order('find_parcel')]) })
    await expect.poll(() => counted).toEqual(['reloaded'])
    expect(names(live.profileFor(alice, undefined))).toEqual(['find_parcel'])
    await live.close()
  })

  it('requested twice at once are read twice, one after the other, and the last one counts', async () => {
    const { live, counted } = await versions()
    const one = live.reload()
    write('tools.json', [order('find_parcel')])
    await Promise.all([one, live.reload()])
    expect(counted).toEqual(['reloaded', 'reloaded'])
    expect(names(live.profileFor(alice, undefined))).toEqual(['find_parcel'])
    await live.close()
  })
})
