#!/usr/bin/env node
// The command line: init, serve, demo, check, call, token, explain, top, session, canary, audit, erase, replay, simulate, simulate-call.
import { type CommandName, failureText, help, isCommand, UsageError, unknownCommand } from './cli/commands.js'
import { options, required, seconds } from './cli/options.js'
import { VERSION } from './config/version.js'
import { tuneHeap } from './process/heap.js'
import { runUntilSignal } from './process/run.js'
import { listenProblem, startupProblem } from './process/startup-problem.js'
import type { Running } from './simulator/command.js'

const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean' } as const
const ENV_FILE = { 'env-file': TEXT }
const ADMIN = { url: TEXT, token: TEXT, 'token-file': TEXT, ...ENV_FILE }

const print = (line: string): void => {
  console.log(line)
}

async function run(word: string | undefined, args: string[]): Promise<void> {
  const words = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  if (word === undefined) throw new UsageError('Which command?')
  if (word === '--version' || word === '-v' || (isCommand(word) && words.includes('--version'))) return print(VERSION)
  if (word === 'help' || word === '--help' || word === '-h') return print(help(isCommand(args[0]) ? args[0] : undefined))
  if (!isCommand(word)) throw unknownCommand(word)
  if (words.includes('--help') || words.includes('-h')) return print(help(word))
  return COMMAND_RUNS[word](args)
}

/** Each command loads its own parts only: a token is made in the time of one, not of the whole relay. */
const COMMAND_RUNS: Readonly<Record<CommandName, (args: string[]) => Promise<void>>> = {
  async init(args) {
    const { values, words } = options('init', args, { app: TEXT, file: TEXT, force: FLAG }, 1)
    if (values.app !== undefined) {
      if (values.file !== undefined || values.force) throw new UsageError('--app takes neither --file nor --force: it writes into an empty folder.', 'init')
      return (await import('./cli/init-app.js')).initApp(values.app, words[0], print)
    }
    const { INIT_KINDS, init } = await import('./cli/init.js')
    const kind = INIT_KINDS.find((one) => one === (words[0] ?? 'azure'))
    if (!kind) throw new UsageError(`${JSON.stringify(words[0])} is none of ${INIT_KINDS.join(', ')}.`, 'init')
    init({ kind, file: values.file ?? '.env', force: values.force ?? false }, print)
  },
  async serve(args) {
    const { serveCommand } = await import('./cli/serve.js')
    return serveCommand(args, process)
  },
  async demo(args) {
    const { values } = options('demo', args, { heard: TEXT, voice: TEXT, ...ENV_FILE })
    const voice = (['tones', 'espeak'] as const).find((one) => one === values.voice)
    if (values.voice !== undefined && !voice) throw new UsageError('--voice must be one of tones, espeak.', 'demo')
    await withEnvFile(values)
    tuneHeap()
    const { startDemo } = await import('./cli/demo.js')
    return runUntilSignal(startDemo({ heard: values.heard, voice }, print), process)
  },
  async check(args) {
    const { values } = options('check', args, { tools: FLAG, telephony: FLAG, ...ENV_FILE })
    await withEnvFile(values)
    const check = values.tools
      ? (await import('./cli/tools.js')).listTools
      : values.telephony
        ? (await import('./cli/check-telephony.js')).checkTelephony
        : (await import('./cli/check.js')).check
    process.exit((await check(print)) ? 0 : 1)
  },
  async call(args) {
    process.exit((await call(args)) ? 0 : 1)
  },
  async token(args) {
    print(await token(args))
  },
  async explain(args) {
    const { values } = options('explain', args, { token: TEXT, ...ENV_FILE })
    await withEnvFile(values)
    const { explain } = await import('./cli/explain.js')
    process.exit((await explain(required('explain', values.token, '--token'), print)) ? 0 : 1)
  },
  async top(args) {
    const { values } = options('top', args, { once: FLAG, sort: TEXT, rows: TEXT, ...ADMIN })
    await withEnvFile(values)
    const { topCommand } = await import('./cli/top.js')
    return topCommand(values, process.stdout)
  },
  async session(args) {
    const { values, words } = options('session', args, { log: TEXT, offline: FLAG, ...ADMIN }, 1)
    await withEnvFile(values)
    const { sessionCommand } = await import('./cli/session.js')
    return sessionCommand(required('session', words[0], '<id>'), values, process.stdin, print)
  },
  async canary(args) {
    const { values } = options('canary', args, { upstream: TEXT, ...ENV_FILE })
    await withEnvFile(values)
    const { canary } = await import('./cli/canary.js')
    process.exit({ known: 0, unknown: 1, failed: 2 }[await canary(values.upstream, print)])
  },
  async audit(args) {
    const { values, words } = options('audit', args, { key: TEXT, anchors: TEXT, ...ENV_FILE }, 2)
    const { printKey, verifyCommand } = await import('./cli/audit.js')
    if (words[0] === 'key') return printKey(print)
    if (words[0] !== 'verify') throw new UsageError('audit verify DIR, or audit key.', 'audit')
    await withEnvFile(values)
    const { loadRedisConfig } = await import('./config/load.js')
    const asked = { dir: required('audit', words[1], 'DIR'), keyFile: required('audit', values.key, '--key'), anchorFile: values.anchors, ...loadRedisConfig() }
    process.exit({ whole: 0, broken: 1, unanchored: 2 }[await verifyCommand(asked, print)])
  },
  async replay(args) {
    process.exit(await replay(args))
  },
  async erase(args) {
    const { values } = options('erase', args, { sub: TEXT, ...ENV_FILE })
    const subject = required('erase', values.sub, '--sub')
    await withEnvFile(values)
    const { eraseCommand } = await import('./cli/erase.js')
    process.exit((await eraseCommand(subject, print)) ? 0 : 1)
  },
  async simulate(args) {
    if (args.includes('--script-schema')) return print(JSON.stringify((await import('./simulator/script.js')).scriptSchema(), null, 2))
    return runUntilSignal(
      simulate(args).then((simulator) => ({ drain: () => simulator.close() })),
      process,
    )
  },
  async 'simulate-call'(args) {
    const { callRequest, simulateCall } = await import('./cli/simulate-call.js')
    const request = callRequest(args)
    await withEnvFile({ ...(request.envFile !== undefined && { 'env-file': request.envFile }) })
    process.exit((await simulateCall(request, print)) ? 0 : 1)
  },
}

async function withEnvFile(values: { readonly 'env-file'?: string }): Promise<void> {
  if (values['env-file'] !== undefined) (await import('./config/env-file.js')).loadEnvFile(values['env-file'])
}

async function simulate(args: string[]): Promise<Running> {
  const { simulateCommand } = await import('./simulator/command.js')
  try {
    return await simulateCommand(args, print)
  } catch (error) {
    // What the system refused is told like any other start that failed; the rest says which flag is wrong.
    if (!(error instanceof Error)) throw error
    if (!('syscall' in error)) throw new UsageError(error.message, 'simulate')
    const { code = '', port = 0, address, hostname } = error as NodeJS.ErrnoException & { readonly port?: number; readonly address?: string; readonly hostname?: string }
    const problem = listenProblem(code, { port: '--port', host: '--host' }, { host: address ?? hostname ?? '127.0.0.1', port })
    throw new UsageError(problem ?? startupProblem(error), 'simulate')
  }
}

/** The output alone goes to standard output, so that it can be piped. */
async function call(args: string[]): Promise<boolean> {
  const { values, words } = options('call', args, { sub: { type: 'string', default: 'by-hand' }, claims: TEXT, ...ENV_FILE }, 2)
  const [tool, json] = words
  const { claims } = await import('./cli/claims.js')
  const caller = { subject: values.sub ?? '', claims: claims('call', values.claims) }
  const wanted = [required('call', tool, '<tool>'), required('call', json, "'<json>'")] as const
  await withEnvFile(values)
  const { callTool } = await import('./cli/tools.js')
  const { outcome, names } = await callTool(...wanted, caller)
  if (!outcome) throw new UsageError(`There is no tool ${JSON.stringify(tool)} that the relay runs. There are: ${names.join(', ') || 'none'}.`, 'call')
  print(outcome.output)
  console.error(`${outcome.outcome}, ${Math.round(outcome.durationMs)} ms${outcome.cut ? ', cut' : ''}`)
  return outcome.outcome === 'ok'
}

async function token(args: string[]): Promise<string> {
  const { values } = options('token', args, { sub: TEXT, claims: TEXT, ttl: { type: 'string', default: '10m' }, ...ENV_FILE })
  const { claims } = await import('./cli/claims.js')
  const asked = { subject: required('token', values.sub, '--sub'), ttlSeconds: seconds('token', values.ttl ?? ''), claims: claims('token', values.claims) }
  await withEnvFile(values)
  const { loadAuthConfig } = await import('./config/load.js')
  const auth = loadAuthConfig()
  if (auth.key.kind !== 'secret') throw new UsageError(cannotSign(auth.key.kind), 'token')
  const { mintToken } = await import('./auth/mint-token.js')
  return mintToken(auth, asked)
}

/** 0: decided the same, 1: not the same, 2: something cannot be read, a mistyped option included. */
async function replay(args: string[]): Promise<0 | 1 | 2> {
  try {
    const { replayCommand } = await import('./cli/replay-options.js')
    return (await replayCommand(args, print)) ? 0 : 1
  } catch (error) {
    console.error(failureText(error))
    return 2
  }
}

function cannotSign(kind: 'jwks' | 'public'): string {
  const owner = kind === 'jwks' ? 'JWKS_URL is set: only the service that publishes that key set can sign' : 'JWT_PUBLIC_KEY is set: only who holds its private half can sign'
  return `The relay cannot sign a token here. ${owner}. Get a token from there. For development, unset it and set JWT_SECRET (32 bytes or more), which this command signs with.`
}

try {
  await run(process.argv[2], process.argv.slice(3))
} catch (error) {
  console.error(failureText(error))
  process.exit(1)
}
