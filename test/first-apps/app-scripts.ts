// Runs what an app's `package.json` names, as `npm run` does, in a process group of its own that ends with the test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { inject } from 'vitest'
import { type RunningCommand, watched } from '../support/built-relay.js'

const { folder } = inject('apps')

export function appFolder(name: string): string {
  return join(folder, name)
}

/** What `init --app` wrote. */
export function secretsOf(name: string): Readonly<Record<string, string>> {
  const env = parseEnv(readFileSync(join(appFolder(name), '.env'), 'utf8'))
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (/_(SECRET|TOKEN)$/.test(key) ? [[key, value ?? '']] : [])))
}

export interface StartedRelay {
  /** `ws://…/v1/realtime` */
  readonly url: string
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** `words` are added to the script. Of the test's own environment only `PATH` and `HOME` are passed on. */
export function startScript(name: string, script: string, env: Readonly<Record<string, string>> = {}, words = ''): RunningCommand {
  return startShell(name, `${scriptOf(name, script)} ${words}`, env)
}

export function startShell(name: string, command: string, env: Readonly<Record<string, string>> = {}): RunningCommand {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn('sh', ['-c', command], {
    cwd: appFolder(name),
    env: { PATH: `${join(folder, 'node_modules/.bin')}:${PATH}`, HOME, NEXT_TELEMETRY_DISABLED: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const running = watched(child)
  const killGroup = () => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
  process.on('exit', killGroup)
  void running.ended.then(() => process.off('exit', killGroup))
  return {
    ...running,
    get output() {
      return running.output
    },
    get errors() {
      return running.errors
    },
    async stop() {
      killGroup()
      await running.ended
    },
  }
}

/** Fails with what it wrote if it does not end well. */
export async function runScript(name: string, script: string, env: Readonly<Record<string, string>> = {}, words = ''): Promise<string> {
  const running = startScript(name, script, env, words)
  const { code } = await running.ended
  if (code !== 0) throw new Error(`${name}: ${script} ended with ${code}: ${running.output}`)
  return running.output
}

/** The app's own `npm run relay`: relay, simulator and sample tools, at a free port that `PUBLIC_URL` has as well. */
export async function startRelay(name: string): Promise<StartedRelay> {
  const port = await freePort()
  const env = { PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}` }
  const relay = startShell(name, name === 'python' ? 'realtime-relay demo --env-file .env' : scriptOf(name, 'relay'), env)
  const [url] = await relay.says(/ws:\/\/\S+/, 30_000)
  return { url, env, stop: () => relay.stop() }
}

function scriptOf(name: string, script: string): string {
  return (JSON.parse(readFileSync(join(appFolder(name), 'package.json'), 'utf8')) as { scripts: Record<string, string> }).scripts[script] ?? 'false'
}

export async function freePort(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return String(port)
}
