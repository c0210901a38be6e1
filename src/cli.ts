#!/usr/bin/env node
// The command line: serve, demo, check, call, token, explain, simulate.
import { parseArgs } from 'node:util'
import { loadAuthConfig, loadConfig } from './config/load.js'
import { tuneHeap } from './process/heap.js'
import { runUntilSignal, serve } from './process/run.js'
import { startupProblem } from './process/startup-problem.js'
import type { Running } from './simulator/command.js'
import { checkTools } from './tools/check.js'

const USAGE = `realtime-relay <command>

  serve                       start the relay (as npm start does)
  demo                        relay, simulator and sample tools on this machine, nothing else needed
  check                       validate the configuration, reach upstream, Redis, key set and tools, print a table
  check --tools               list every tool with its schema, source and whether it can be reached; calls none
  call <tool> '<json>' [--sub alice] [--claims '{…}']
                              run one tool by hand
  token --sub alice [--claims '{"profile":"x"}'] [--ttl 10m]
                              sign a token with JWT_SECRET
  explain --token T           what this caller's session would be, and why
  simulate --port N           the simulated Azure OpenAI Realtime alone; simulate --help lists its options`

class UsageError extends Error {}

const print = (line: string): void => {
  console.log(line)
}

try {
  await run(process.argv[2], process.argv.slice(3))
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : startupProblem(error))
  process.exit(1)
}

/** Each command loads its own parts only: a token is made in the time of one, not of the whole relay. */
async function run(command: string | undefined, args: string[]): Promise<void> {
  switch (command) {
    case 'serve':
      tuneHeap()
      return serve(() => loadConfig(checkTools), process)
    case 'demo': {
      tuneHeap()
      const { startDemo } = await import('./cli/demo.js')
      return runUntilSignal(startDemo(print), process)
    }
    case 'check': {
      const tools = options(args, { tools: { type: 'boolean' } }).tools
      const check = tools ? (await import('./cli/tools.js')).listTools : (await import('./cli/check.js')).check
      process.exit((await check(print)) ? 0 : 1)
      return
    }
    case 'call':
      process.exit((await call(args)) ? 0 : 1)
      return
    case 'token':
      return print(await token(args))
    case 'explain': {
      const { explain } = await import('./cli/explain.js')
      process.exit((await explain(required(options(args, { token: { type: 'string' } }).token, '--token'), print)) ? 0 : 1)
      return
    }
    case 'simulate':
      if (args.includes('--help') || args.includes('-h')) return print((await import('./simulator/command.js')).SIMULATE_USAGE)
      if (args.includes('--script-schema')) return print(JSON.stringify((await import('./simulator/script.js')).scriptSchema(), null, 2))
      return runUntilSignal(
        simulate(args).then((simulator) => ({ drain: () => simulator.close() })),
        process,
      )
    case 'help':
    case '--help':
    case '-h':
      return print(USAGE)
    default:
      throw new UsageError(command === undefined ? 'Which command?' : 'There is no such command.')
  }
}

async function simulate(args: string[]): Promise<Running> {
  const { SIMULATE_USAGE, simulateCommand } = await import('./simulator/command.js')
  try {
    return await simulateCommand(args, print)
  } catch (error) {
    // What the system refused is told like any other start that failed; the rest says which flag is wrong.
    if (error instanceof Error && !('syscall' in error)) throw new UsageError(`${error.message}\n\n${SIMULATE_USAGE}`)
    throw error
  }
}

/** The output alone goes to standard output, so that it can be piped. */
async function call([tool, json, ...more]: string[]): Promise<boolean> {
  const values = options(more, { sub: { type: 'string', default: 'by-hand' }, claims: { type: 'string' } })
  const caller = { subject: values.sub ?? '', claims: claims(values.claims) }
  const { callTool } = await import('./cli/tools.js')
  const { outcome, names } = await callTool(required(tool, '<tool>'), required(json, "'<json>'"), caller)
  if (!outcome) throw new UsageError(`There is no tool ${JSON.stringify(tool)} that the relay runs. There are: ${names.join(', ') || 'none'}.`)
  print(outcome.output)
  console.error(`${outcome.outcome}, ${Math.round(outcome.durationMs)} ms${outcome.cut ? ', cut' : ''}`)
  return outcome.outcome === 'ok'
}

async function token(args: string[]): Promise<string> {
  const { mintToken } = await import('./auth/mint-token.js')
  const values = options(args, { sub: { type: 'string' }, claims: { type: 'string' }, ttl: { type: 'string', default: '10m' } })
  return mintToken(loadAuthConfig(), { subject: required(values.sub, '--sub'), ttlSeconds: seconds(values.ttl ?? ''), claims: claims(values.claims) })
}

type Option = { type: 'string'; default?: string } | { type: 'boolean' }

function options<T extends Record<string, Option>>(args: string[], spec: T): { [K in keyof T]?: T[K]['type'] extends 'boolean' ? boolean : string } {
  try {
    return parseArgs({ args, options: spec }).values as ReturnType<typeof options<T>>
  } catch {
    throw new UsageError(
      `Known options: ${Object.keys(spec)
        .map((name) => `--${name}`)
        .join(', ')}.`,
    )
  }
}

function required(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw new UsageError(`${name} is missing.`)
  return value
}

/** `90`, `90s`, `10m`, `2h` or `7d`, in seconds. */
function seconds(text: string): number {
  const match = /^(\d{1,7})(s|m|h|d)?$/.exec(text)
  if (!match) throw new UsageError('--ttl must look like 90s, 10m, 2h or 7d.')
  return Number(match[1]) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[match[2] ?? 's'] ?? 1)
}

function claims(json: string | undefined): Record<string, unknown> {
  if (json === undefined) return {}
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Falls through to the one message for anything that is not a JSON object.
  }
  throw new UsageError('--claims must be a JSON object.')
}
