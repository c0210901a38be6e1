// The `simulate` command: reads its flags, starts the simulator and prints where it listens.
import { parseArgs } from 'node:util'
import type { RateLimitStyle, Simulator, SimulatorOptions } from './options.js'
import { startSimulator } from './simulator.js'

/** Rejects with an `Error` that says which flag is wrong or why the port cannot be used. The caller closes the simulator. */
export async function simulateCommand(argv: readonly string[], print: (line: string) => void): Promise<Simulator> {
  const simulator = await startSimulator(simulatorOptions(argv, print))
  print(simulator.url)
  return simulator
}

function simulatorOptions(argv: readonly string[], print: (line: string) => void): SimulatorOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      'api-key': { type: 'string' },
      deployment: { type: 'string', multiple: true },
      style: { type: 'string' },
      'rate-limits': { type: 'string' },
      'session-seconds': { type: 'string' },
      speed: { type: 'string' },
      heard: { type: 'string' },
      voice: { type: 'string' },
      verbose: { type: 'boolean' },
    },
  })
  const style = choice('--style', values.style, ['azure', 'openai'] as const)
  const limits = choice('--rate-limits', values['rate-limits'], ['none', 'tokens', 'requests', 'both', 'floats'] as const)
  const voice = choice('--voice', values.voice, ['tones', 'espeak'] as const)
  const port = number('--port', values.port, 0, 65_535)
  const sessionSeconds = number('--session-seconds', values['session-seconds'], 1, 86_400)
  const speed = number('--speed', values.speed, 0.01, Number.POSITIVE_INFINITY)
  const rateLimits: RateLimitStyle | undefined = limits === 'none' ? false : limits
  return {
    ...(port !== undefined && { port }),
    ...(values.host !== undefined && { host: values.host }),
    ...(values['api-key'] !== undefined && { apiKey: values['api-key'] }),
    ...(values.deployment !== undefined && { deployments: values.deployment }),
    ...(style !== undefined && { style }),
    ...(rateLimits !== undefined && { rateLimits }),
    ...(sessionSeconds !== undefined && { sessionSeconds }),
    ...(speed !== undefined && { speed }),
    ...(values.heard !== undefined && { heardText: values.heard }),
    ...(voice !== undefined && { voice }),
    ...(values.verbose && { log: print }),
  }
}

function choice<T extends string>(flag: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw new Error(`${flag} must be one of ${allowed.join(', ')}`)
  return found
}

function number(flag: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() === '' || Number.isNaN(value) || value < min || value > max) throw new Error(`${flag} must be a number from ${min} to ${max}`)
  if (flag === '--port' && !Number.isInteger(value)) throw new Error('--port must be a whole number')
  return value
}
