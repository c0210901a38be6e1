// The installed relay: compiled once per test worker into its own folder, and run as a process with exactly the given environment.
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
let built: Promise<string> | undefined

/** The folder of `main.js` and `cli.js`, inside one like the project's. It is only translated here; types are checked elsewhere. */
export function builtRelay(): Promise<string> {
  built ??= translate()
  return built
}

async function translate(): Promise<string> {
  const project = mkdtempSync(join(tmpdir(), 'relay-built-'))
  const folder = join(project, 'dist')
  process.on('exit', () => rmSync(project, { recursive: true, force: true }))
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !name.startsWith('browser/'))
  await build({
    entryPoints: sources.map((name) => join(ROOT, 'src', name)),
    outbase: join(ROOT, 'src'),
    outdir: folder,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  })
  const { buildPages } = (await import(new URL('../../src/browser/build.js', import.meta.url).href)) as { buildPages: (folder: string) => Promise<void> }
  await buildPages(folder)
  cpSync(join(ROOT, 'package.json'), join(project, 'package.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'), 'dir')
  mkdirSync(join(project, 'test'))
  symlinkSync(join(ROOT, 'test/apps'), join(project, 'test/apps'), 'dir')
  return folder
}

export interface RunningCommand {
  readonly child: ChildProcess
  /** Everything it has written to both outputs. */
  readonly output: string
  readonly errors: string
  /** The match of `pattern` in its output, now or later. Rejects if the process ends first, or after `ms`. */
  says(pattern: RegExp, ms?: number): Promise<RegExpExecArray>
  /** Resolves when it has ended and all its output has arrived. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly ms: number }>
  /** Kills it and waits for its end. */
  stop(): Promise<void>
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Starts `main.js` if no words are given, else `cli.js` with these words. Of the test's own environment only `PATH` and `HOME` are passed on. */
export async function startCommand(words: readonly string[], options: CommandOptions = {}): Promise<RunningCommand> {
  const folder = await builtRelay()
  const entry = words.length === 0 ? 'main.js' : 'cli.js'
  const { PATH, HOME } = process.env
  const started = performance.now()
  const child = spawn(process.execPath, [join(folder, entry), ...words], {
    cwd: options.cwd ?? folder,
    env: { ...(PATH && { PATH }), ...(HOME && { HOME }), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return watched(child, started)
}

/** What a process of the test writes, and its end. It is killed with the test if it is left. */
export function watched(child: ChildProcessByStdio<null, Readable, Readable>, started = performance.now()): RunningCommand {
  const killNow = () => void child.kill('SIGKILL')
  process.on('exit', killNow)
  let output = ''
  let errors = ''
  const waiting = new Set<() => void>()
  const take = (chunk: Buffer) => {
    output += chunk
    for (const wake of [...waiting]) wake()
  }
  child.stdout.on('data', take)
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk
    take(chunk)
  })
  let over = false
  const ended = once(child, 'close').then(([code, signal]) => {
    over = true
    process.off('exit', killNow)
    for (const wake of [...waiting]) wake()
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, ms: performance.now() - started }
  })
  return {
    child,
    get output() {
      return output
    },
    get errors() {
      return errors
    },
    says: (pattern, ms = 15_000) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(output)
          if (found) settle(() => resolve(found))
          else if (over) settle(() => reject(new Error(`ended without ${pattern}: ${output}`)))
        }
        const timer = setTimeout(() => settle(() => reject(new Error(`no ${pattern} within ${ms} ms: ${output}`))), ms)
        const settle = (how: () => void) => {
          clearTimeout(timer)
          waiting.delete(look)
          how()
        }
        waiting.add(look)
        look()
      }),
    ended,
    async stop() {
      if (!over) child.kill('SIGKILL')
      await ended
    },
  }
}

/** Runs a command to its end. */
export async function runCommand(
  words: readonly string[],
  options: CommandOptions = {},
): Promise<{ readonly code: number | null; readonly output: string; readonly errors: string; readonly ms: number }> {
  const running = await startCommand(words, options)
  const { code, ms } = await running.ended
  return { code, output: running.output, errors: running.errors, ms }
}
