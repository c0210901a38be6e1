// The trials of a running image: its limits as the kernel sees them, its probes, a spoken session, its end, and its commands.
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { Refused } from '../../support/realtime-client.js'
import { caller, spokenTurn } from './audio-session.js'
import type { bundleOf, Choice, ImageConfig } from './bundle.js'
import { type Container, memoryLimit, type Runtime, statusOf } from './containers.js'
import type { Pod } from './pod.js'

export interface Trial {
  readonly runtime: Runtime
  readonly image: ImageConfig
  readonly pod: Pod
  bundle(name: string, choice: Partial<Choice>): ReturnType<typeof bundleOf>
  /** Whether the kernel counts and bounds the memory of containers here. */
  readonly counted: boolean
  readonly seccomp: boolean
  readonly redis: boolean
  ok(what: string): void
}

export const API_KEY = 'simulator-key'
const RELAY = 'http://127.0.0.1:8080'
const ADMIN = 'http://127.0.0.1:9090'
const SIMULATOR = 'http://127.0.0.1:9100'
const CONTROL = 'http://127.0.0.1:9101'
const READY_MS = 20_000
const TURNS = 3
const script = (code: string) => ['--input-type=module', '-e', code]

/** The manifests' settings, but with the simulator for Azure and a secret for Entra's keys, which cannot be reached from here. */
function settings({ redis, pod }: Trial): Readonly<Record<string, string>> {
  return {
    AZURE_OPENAI_ENDPOINT: SIMULATOR,
    AZURE_OPENAI_API_KEY_FILE: '/secrets/azure-key',
    JWKS_URL: '',
    JWT_SECRET_FILE: '/secrets/jwt-secret',
    REDIS_URL_FILE: redis ? (pod.env.REDIS_URL_FILE ?? '') : '',
  }
}

const IMPORTS = `
import { readdirSync, readFileSync } from 'node:fs'
const names = new Set()
for (const name of readdirSync('dist', { recursive: true }).filter((one) => one.endsWith('.js') && !/^(console|operator)\\//.test(one)))
  for (const [, target] of readFileSync('dist/' + name, 'utf8').matchAll(/^(?:import|export) .*?from '([^.'][^']*)'|\\bimport\\('([^.'][^']*)'\\)/gm).map(([all, a, b]) => [all, a ?? b]))
    if (!target.startsWith('node:')) names.add(target)
for (const name of names) await import(name).catch((error) => console.log('cannot load ' + name + ': ' + error.code))
console.log('loaded of ' + names.size)`

export async function tryCommands(trial: Trial): Promise<void> {
  const { runtime, image, bundle, counted, pod, ok } = trial
  const run = (name: string, args: readonly string[], env: Choice['env'] = {}) => runtime.run(name, bundle(name, { args, env }))

  const version = await run('version', ['dist/cli.js', '--version'])
  assert.match(version.output, /^\S*\d+\.\d+\.\d+\s*$/)
  const imports = await run('imports', script(IMPORTS))
  assert.equal(imports.code, 0, imports.output)
  const unloaded = [...imports.output.matchAll(/^cannot load (\S+):/gm)].map(([, name]) => name)
  // WebRTC of the simulator, and the hook's React: optional, and deliberately not in the image.
  assert.deepEqual(unloaded.sort(), ['node-datachannel', 'react'], imports.output)
  ok(
    `--version says ${version.output.trim()}; all ${/loaded of (\d+)/.exec(imports.output)?.[1]} modules that the code imports load, but node-datachannel and react, which are optional`,
  )

  const wrong = await run('wrong', image.Cmd, { ...settings(trial), MAX_SESSIONS: 'a-wrong-value', AZURE_OPENAI_DEPLOYMENT: '' })
  assert.equal(wrong.code, 1, wrong.output)
  for (const name of ['MAX_SESSIONS', 'AZURE_OPENAI_DEPLOYMENT']) assert.match(wrong.output, new RegExp(`^.*\\b${name}\\b.*$`, 'm'))
  assert.doesNotMatch(wrong.output, /a-wrong-value/)
  ok('two wrong settings: code 1, both named, no value printed')

  const [command = '', ...check] = image.Healthcheck?.Test ?? []
  assert.equal(command, 'CMD')
  assert.deepEqual(check.slice(0, image.Entrypoint.length), image.Entrypoint)
  assert.equal((await run('unhealthy', check.slice(image.Entrypoint.length))).code, 1)
  ok('without a relay the health check ends with 1')

  if (!counted) return
  const greedy = await run('greedy', script(`const all = []; for (;;) all.push(Buffer.alloc(${16 * 2 ** 20}, 1))`))
  assert.equal(greedy.code, 137, greedy.output)
  ok(`what takes more than ${pod.memoryBytes / 2 ** 20} MiB is killed`)
}

export async function tryRelay(trial: Trial): Promise<void> {
  const { runtime, image, pod, bundle, ok } = trial
  const simulate = ['dist/cli.js', 'simulate', '--port', '9100', '--control', '9101', '--deployment', pod.env.AZURE_OPENAI_DEPLOYMENT ?? '', '--api-key', API_KEY]
  const simulator = runtime.start('simulator', bundle('simulator', { args: simulate }))
  await simulator.says(/^http:\S+:9100$/m)
  const since = performance.now()
  const relay = runtime.start('relay', bundle('relay', { env: settings(trial) }))
  try {
    await ready(relay)
    ok(`the simulator listens, and the relay is ready ${Math.round(performance.now() - since)} ms after its start`)
    await tryLimits(trial, relay)
    const health = await relay.exec(image.Healthcheck?.Test.slice(1) ?? [])
    assert.equal(health.code, 0, health.output)
    for (const [url, status] of [
      [`${RELAY}/livez`, 200],
      [`${RELAY}/readyz`, 200],
      [`${ADMIN}/livez`, 200],
      [`${ADMIN}/readyz`, 200],
      [`${ADMIN}/metrics`, 200],
    ] as const)
      assert.equal((await fetch(url)).status, status, url)
    ok('health check 0; livez, readyz and metrics 200')
    await trySessionAndEnd(trial, relay)
    await simulator.signal(image.StopSignal)
    assert.equal((await simulator.ended).code, 0)
    ok(`the simulator ends with 0 after ${image.StopSignal}`)
  } catch (error) {
    console.error(`--- relay\n${relay.output}\n--- simulator\n${simulator.output}`)
    throw error
  }
}

async function ready(relay: Container): Promise<void> {
  await relay.says(/"msg":"listening"/, READY_MS)
  const deadline = Date.now() + READY_MS
  for (;;) {
    const response = await fetch(`${ADMIN}/readyz`).catch(() => undefined)
    if (response?.status === 200) return
    if (Date.now() > deadline) throw new Error(`not ready: ${await response?.text()}`)
    await wait(100)
  }
}

const WRITES = `
import { writeFileSync } from 'node:fs'
const places = ['/new', '/app/new', '/app/dist/main.js', '/app/node_modules/new', '/nodejs/bin/node', '/etc/new', '/config/new', '/secrets/new']
console.log(JSON.stringify(places.map((place) => { try { writeFileSync(place, ''); return place + ' written' } catch (error) { return error.code } })))
writeFileSync('/tmp/fits', Buffer.alloc(1e6))
try { writeFileSync('/tmp/big', Buffer.alloc(64e6)); console.log('no bound') } catch (error) { console.log(error.code) }`

async function tryLimits({ pod, counted, seccomp, ok }: Trial, relay: Container): Promise<void> {
  const pid = await relay.pid()
  const status = statusOf(pid)
  const ids = (id: number) => Array.from({ length: 4 }, () => id).join('\t')
  const sets = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => status[name])
  assert.deepEqual([status.Uid, status.Gid, status.NoNewPrivs], [ids(pod.uid), ids(pod.gid), '1'])
  assert.deepEqual(
    sets,
    sets.map(() => '0'.repeat(16)),
    'capabilities',
  )
  if (seccomp) assert.equal(status.Seccomp, '2')
  if (counted) assert.equal(memoryLimit(pid), pod.memoryBytes)
  ok(
    `process ${pid}: uid and gid ${pod.uid}, no capability, no new privileges${seccomp ? ', system calls filtered' : ''}${counted ? `, memory limit ${pod.memoryBytes / 2 ** 20} MiB` : ''}`,
  )

  const writes = await relay.exec(['/nodejs/bin/node', ...script(WRITES)])
  assert.equal(writes.code, 0, writes.output)
  const [tried = '[]', bound] = writes.output.trim().split('\n')
  const results = JSON.parse(tried) as string[]
  assert.deepEqual(new Set(results), new Set(['EROFS']), tried)
  assert.equal(bound, 'ENOSPC')
  const emptied = await relay.exec(['/nodejs/bin/node', '-e', 'for (const name of ["fits", "big"]) require("fs").rmSync("/tmp/" + name)'])
  assert.equal(emptied.code, 0, emptied.output)
  ok(`${results.length} places of its root, settings and secrets cannot be written; /tmp can, up to its bound`)
}

async function trySessionAndEnd(trial: Trial, relay: Container): Promise<void> {
  const { image, pod, ok } = trial
  const signed = await relay.exec(['/nodejs/bin/node', 'dist/cli.js', 'token', '--sub', 'alice', '--claims', '{"name":"Alice"}', '--ttl', '10m'])
  assert.equal(signed.code, 0, signed.output)
  const token = signed.output.trim().split('\n').at(-1) ?? ''
  await assert.rejects(caller(RELAY, `${token}x`), (error) => error instanceof Refused && error.status === 401)

  const client = await caller(RELAY, token)
  const since = performance.now()
  let spoken = 0
  let heard = 0
  for (let turn = 0; turn < TURNS; turn++) {
    const { spokenMs, heardMs } = await spokenTurn(client)
    assert.ok(heardMs > 300, `only ${heardMs} ms were heard`)
    spoken += spokenMs
    heard += heardMs
  }
  const [session] = (await (await fetch(`${CONTROL}/sessions`)).json()) as [{ id: string }]
  const seen = await (await fetch(`${CONTROL}/sessions/${session.id}/events?from=client`)).text()
  assert.match(seen, /Contoso Coffee[^"]*speaking with Alice/, 'the instructions of /config did not reach the model')
  assert.doesNotMatch(client.frames.join('\n'), /Contoso Coffee/)
  ok(
    `one session for ${Math.round((performance.now() - since) / 1000)} s: ${TURNS} spoken turns, ${spoken} ms said, ${heard} ms heard; instructions from /config at the model, not at the caller`,
  )

  const waited = await relay.exec(pod.preStop)
  assert.equal(waited.code, 0, waited.output)
  const slow = await fetch(`${CONTROL}/faults`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ slowMs: 40 }) })
  assert.equal(slow.status, 200, await slow.text())
  const from = client.events.length
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Tell me something long, please.' }] } })
  client.send({ type: 'response.create' })
  await client.next('response.output_audio.delta', { from })
  const most = Number(/^VmHWM:\s*(\d+)/m.exec(`VmHWM: ${statusOf(await relay.pid()).VmHWM}`)?.[1]) * 1024
  assert.ok(most < pod.memoryBytes, `${most} bytes of memory`)
  const stopped = performance.now()
  await relay.signal(image.StopSignal)
  await draining()
  const before = client.events.length
  assert.ok(!client.events.slice(from).some(({ type }) => type === 'response.done'), 'the answer was over before the drain began')
  await assert.rejects(caller(RELAY, token), (error) => error instanceof Refused && error.status === 503)
  const done = await client.next('response.done', { from, ms: 30_000 })
  assert.equal((done.response as { status: string }).status, 'completed')
  assert.ok(
    client.events.slice(before).some(({ type }) => type === 'response.output_audio.delta'),
    'no sound came while it drained',
  )
  const { code, reason } = await client.closed()
  assert.equal(code, 1012, reason)
  const end = await relay.ended
  const seconds = (performance.now() - stopped) / 1000
  assert.equal(end.code, 0, end.output)
  assert.ok(seconds < pod.graceSeconds, `${seconds} s`)
  ok(
    `preStop runs; ${image.StopSignal} in an answer: draining, newcomers 503, the answer is finished, 1012, code 0 after ${seconds.toFixed(1)} s of ${pod.graceSeconds}; at most ${Math.round(most / 2 ** 20)} MiB of memory`,
  )
}

async function draining(): Promise<void> {
  const deadline = Date.now() + READY_MS
  for (;;) {
    const response = await fetch(`${ADMIN}/readyz`)
    if (response.status === 503) return assert.equal(((await response.json()) as { status: string }).status, 'draining')
    if (Date.now() > deadline) throw new Error('it does not drain')
    await wait(20)
  }
}
