// The `simulate` command: reads its flags, starts the simulator and prints where it listens.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseFaults } from './faults.js'
import type { Simulator, SimulatorOptions } from './options.js'
import type { RecordingOptions } from './record-proxy.js'
import { startSimulator } from './simulator.js'

const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  listen: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'api-key': { type: 'string' },
  deployment: { type: 'string', multiple: true },
  'transcription-deployment': { type: 'string', multiple: true },
  style: { type: 'string' },
  model: { type: 'string' },
  'drift-to-text': { type: 'boolean' },
  'no-obfuscation': { type: 'boolean' },
  'rate-limits': { type: 'string' },
  'tokens-per-minute': { type: 'string' },
  heard: { type: 'string' },
  voice: { type: 'string' },
  speed: { type: 'string' },
  latency: { type: 'string' },
  jitter: { type: 'string' },
  seed: { type: 'string' },
  'dials-per-minute': { type: 'string' },
  'session-seconds': { type: 'string' },
  'session-end': { type: 'string' },
  faults: { type: 'string' },
  script: { type: 'string' },
  upstream: { type: 'string' },
  record: { type: 'string' },
  'record-events': { type: 'string' },
  'webrtc-port': { type: 'string' },
  control: { type: 'string' },
  'control-listen': { type: 'string' },
  verbose: { type: 'boolean' },
} as const

/** A simulator, or a recorder, which has no control port. */
export type Running = Pick<Simulator, 'url' | 'controlUrl' | 'close'>

/** Rejects with an `Error` that says which flag is wrong or why the port cannot be used. The caller closes the simulator. */
export async function simulateCommand(argv: readonly string[], print: (line: string) => void): Promise<Running> {
  const recording = recordingOptions(argv, print)
  if (recording) {
    const { startRecording } = await import('./record-proxy.js')
    const recorder = await startRecording(recording)
    print(recorder.url)
    return recorder
  }
  const simulator = await startSimulator(simulatorOptions(argv, print))
  print(simulator.url)
  if (simulator.controlUrl) print(`control ${simulator.controlUrl}`)
  return simulator
}

function recordingOptions(argv: readonly string[], print: (line: string) => void): RecordingOptions | undefined {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS })
  const { upstream, record, 'record-events': events } = values
  if (upstream === undefined && record === undefined) {
    if (events !== undefined) throw new Error('--record-events belongs to --upstream and --record')
    return undefined
  }
  if (upstream === undefined || record === undefined) throw new Error('--upstream and --record belong together')
  if (!/^(https?|wss?):\/\/[^/]/.test(upstream) || !URL.canParse(upstream)) throw new Error('--upstream must be a URL such as https://my-resource.openai.azure.com')
  return given<RecordingOptions>({
    upstream,
    file: record,
    events,
    port: number('--port', values.port, 0, 65_535),
    host: values.listen ?? values.host,
    log: values.verbose ? print : undefined,
  })
}

function simulatorOptions(argv: readonly string[], print: (line: string) => void): SimulatorOptions {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS })
  const limits = choice('--rate-limits', values['rate-limits'], ['none', 'tokens', 'requests', 'both', 'floats'] as const)
  const tls = tlsFiles(values['tls-cert'], values['tls-key'])
  return given<SimulatorOptions>({
    port: number('--port', values.port, 0, 65_535),
    host: values.listen ?? values.host,
    tls,
    apiKey: values['api-key'],
    deployments: values.deployment,
    transcriptionDeployments: values['transcription-deployment'],
    style: choice('--style', values.style, ['azure', 'openai'] as const),
    model: values.model,
    driftToText: values['drift-to-text'],
    obfuscation: values['no-obfuscation'] ? false : undefined,
    rateLimits: limits === 'none' ? false : limits,
    tokensPerMinute: number('--tokens-per-minute', values['tokens-per-minute'], 1, 1e9),
    heardText: values.heard,
    voice: choice('--voice', values.voice, ['tones', 'espeak'] as const),
    speed: number('--speed', values.speed, 0.01, Number.POSITIVE_INFINITY),
    latencyMs: number('--latency', values.latency, 0, 60_000),
    jitterMs: number('--jitter', values.jitter, 0, 60_000),
    seed: number('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
    dialsPerMinute: number('--dials-per-minute', values['dials-per-minute'], 0, 1e6),
    sessionSeconds: number('--session-seconds', values['session-seconds'], 1, 86_400),
    sessionEnd: choice('--session-end', values['session-end'], ['error-close', 'close-error', 'error', 'close', 'server-error'] as const),
    faults: faults(values.faults),
    script: values.script,
    webrtcPort: number('--webrtc-port', values['webrtc-port'], 0, 65_535),
    control: controlOf(number('--control', values.control, 0, 65_535), values['control-listen']),
    log: values.verbose ? print : undefined,
  })
}

function controlOf(port: number | undefined, host: string | undefined): SimulatorOptions['control'] {
  if (port === undefined && host === undefined) return undefined
  return { ...(port !== undefined && { port }), ...(host !== undefined && { host }) }
}

/** Without the options that nobody gave. */
function given<T extends object>(options: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}

function tlsFiles(cert: string | undefined, key: string | undefined): SimulatorOptions['tls'] {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) throw new Error('--tls-cert and --tls-key belong together')
  return { cert: fileOf('--tls-cert', cert), key: fileOf('--tls-key', key) }
}

function fileOf(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw new Error(`${flag}: ${path} cannot be read`)
  }
}

function faults(json: string | undefined): SimulatorOptions['faults'] {
  if (json === undefined) return undefined
  const parsed = parseFaults(json)
  if (!parsed.ok) throw new Error(`--faults: ${parsed.message}`)
  return parsed.faults
}

function choice<T extends string>(flag: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw new Error(`${flag} must be one of ${allowed.join(', ')}`)
  return found
}

const WHOLE = new Set(['--port', '--webrtc-port', '--control', '--seed', '--dials-per-minute'])

function number(flag: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() === '' || Number.isNaN(value) || value < min || value > max) throw new Error(`${flag} must be a number from ${min} to ${max}`)
  if (WHOLE.has(flag) && !Number.isInteger(value)) throw new Error(`${flag} must be a whole number`)
  return value
}
