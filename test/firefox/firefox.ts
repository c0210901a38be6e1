// A real Firefox with its own profile, if one is installed, steered by WebDriver BiDi, which it speaks itself. Its microphone gives a tone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'

const PATHS = ['/usr/bin/firefox-esr', '/usr/bin/firefox']
/** Gives a machine without sound a device that takes its time: without any, no sound of Firefox ever begins. */
const PULSEAUDIO = '/usr/bin/pulseaudio'
const LAUNCH_MS = 30_000
const COMMAND_MS = 30_000
const PREFS = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  // Nothing of this test may leave the machine.
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'services.settings.server': 'http://localhost:9/',
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  // A page on localhost, and a call to it, without a network.
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
}

export function firefoxPath(): string | undefined {
  return PATHS.find(existsSync)
}

/** What is not installed of Firefox and its device. */
export function firefoxLacks(): readonly string[] {
  return [...(firefoxPath() ? [] : ['Firefox']), ...(existsSync(PULSEAUDIO) ? [] : ['pulseaudio'])]
}

/** The part of Playwright's page that the tests of the kit use. */
export interface FirefoxPage {
  addInitScript(script: { readonly content: string }): Promise<void>
  goto(url: string): Promise<void>
  /** The value of an expression, or of the last statement. A promise is awaited. */
  evaluate<T>(source: string): Promise<T>
  /** As a user does, so that the page may sound afterwards. */
  click(selector: string): Promise<void>
  /** What its console shows as warning or error. */
  readonly complaints: readonly string[]
  close(): Promise<void>
}

export interface Firefox {
  readonly version: string
  readonly context: { newPage(): Promise<FirefoxPage> }
  close(): Promise<void>
}

type Json = Record<string, unknown>

/** Throws if no Firefox is installed: check `firefoxLacks` first. */
export async function openFirefox(): Promise<Firefox> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-firefox-'))
  writeFileSync(
    join(folder, 'user.js'),
    Object.entries(PREFS)
      .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
      .join(''),
  )
  const device = await startDevice(folder)
  const env = { ...process.env, PULSE_SERVER: device.address }
  const program = spawn(firefoxPath() ?? '', ['--headless', '--no-remote', '--remote-debugging-port=0', '--profile', folder], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const socket = new WebSocket(`${await listening(program.stderr)}/session`)
  await once(socket, 'open')
  const { send, complaintsOf } = commands(socket)
  const { capabilities } = await send('session.new', { capabilities: {} })
  await send('session.subscribe', { events: ['log.entryAdded'] })

  return {
    version: String((capabilities as Json).browserVersion),
    context: {
      async newPage() {
        const context = String((await send('browsingContext.create', { type: 'tab' })).context)
        return {
          complaints: complaintsOf(context),
          addInitScript: async ({ content }) => void (await send('script.addPreloadScript', { functionDeclaration: `() => {\n${content}\n}`, contexts: [context] })),
          goto: async (url) => void (await send('browsingContext.navigate', { context, url, wait: 'complete' })),
          async evaluate<T>(expression: string) {
            const answer = await send('script.evaluate', { expression, target: { context }, awaitPromise: true })
            if (answer.type === 'exception') throw new Error(String((answer.exceptionDetails as Json).text))
            return plain(answer.result as Json) as T
          },
          async click(selector) {
            const { nodes } = await send('browsingContext.locateNodes', { context, locator: { type: 'css', value: selector } })
            const origin = { type: 'element', element: { sharedId: (nodes as Json[])[0]?.sharedId } }
            const actions = [
              { type: 'pointerMove', x: 0, y: 0, origin },
              { type: 'pointerDown', button: 0 },
              { type: 'pointerUp', button: 0 },
            ]
            await send('input.performActions', { context, actions: [{ type: 'pointer', id: 'mouse', actions }] })
          },
          close: async () => void (await send('browsingContext.close', { context })),
        }
      },
    },
    async close() {
      const ended = once(program, 'exit')
      await send('browser.close', {}).catch(() => program.kill())
      await ended
      await device.stop()
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

async function startDevice(folder: string): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const address = `unix:${join(folder, 'sound')}`
  const modules = ['-L', 'module-null-sink rate=48000', '-L', `module-native-protocol-unix auth-anonymous=1 socket=${join(folder, 'sound')}`]
  const args = ['-n', '--daemonize=no', '--exit-idle-time=-1', '--use-pid-file=no', '--disable-shm=yes', ...modules]
  const program = spawn(PULSEAUDIO, args, { env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder }, stdio: 'ignore' })
  for (const end = Date.now() + LAUNCH_MS; !existsSync(join(folder, 'sound')); await pause(50)) {
    if (Date.now() > end || program.exitCode !== null) throw new Error('pulseaudio does not listen')
  }
  return {
    address,
    async stop() {
      const ended = once(program, 'exit')
      program.kill()
      await ended
    },
  }
}

/** The address that it says once it listens. Rejects if it ends before, or takes too long. */
function listening(stream: NodeJS.ReadableStream): Promise<string> {
  let said = ''
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Firefox does not listen: ${said}`)), LAUNCH_MS)
    stream.on('data', (chunk: Buffer) => {
      said += chunk
      const [, address] = /WebDriver BiDi listening on (ws:\S+)/.exec(said) ?? []
      if (address === undefined) return
      clearTimeout(timer)
      resolve(address)
    })
    stream.on('end', () => reject(new Error(`Firefox ended: ${said}`)))
  })
}

function commands(socket: WebSocket) {
  const waiting = new Map<number, (answer: Json) => void>()
  const complaints = new Map<string, string[]>()
  let last = 0
  const complaintsOf = (context: string): string[] => {
    const known = complaints.get(context) ?? []
    complaints.set(context, known)
    return known
  }
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as Json
    if (typeof message.id === 'number') return waiting.get(message.id)?.(message)
    const { level, text, source } = (message.params ?? {}) as { level?: string; text?: string; source?: { context?: string } }
    if (message.method === 'log.entryAdded' && (level === 'warn' || level === 'error')) complaintsOf(source?.context ?? '').push(`${level}: ${text}`)
  })
  const send = (method: string, params: Json): Promise<Json> =>
    new Promise((resolve, reject) => {
      const id = ++last
      const timer = setTimeout(() => reject(new Error(`${method} takes too long: ${JSON.stringify(params).slice(0, 200)}`)), COMMAND_MS)
      waiting.set(id, (answer) => {
        clearTimeout(timer)
        waiting.delete(id)
        if (answer.type === 'error') reject(new Error(`${method}: ${answer.message}`))
        else resolve((answer.result ?? {}) as Json)
      })
      socket.send(JSON.stringify({ id, method, params }))
    })
  return { send, complaintsOf }
}

/** A value as BiDi writes it. What JSON does not have is undefined. */
function plain({ type, value }: Json): unknown {
  if (type === 'null') return null
  if (type === 'array') return (value as Json[]).map(plain)
  if (type === 'object') return Object.fromEntries((value as [string, Json][]).map(([key, inner]) => [key, plain(inner)]))
  return type === 'string' || type === 'number' || type === 'boolean' ? value : undefined
}
