// `npm run bench:simulate`: how long `simulate` takes from its spawn to its first line, beside a Node that prints one word.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { sampleCpu } from './process-tree.js'

const STARTS = 15
const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

interface Start {
  readonly wallMs: number
  /** On a core. Unlike the time on the wall, it hardly grows on a busy machine. */
  readonly cpuMs: number
}

async function start(args: readonly string[]): Promise<Start> {
  const began = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  const wallMs = performance.now() - began
  const cpuMs = sampleCpu([child.pid as number]).onCpuMicros / 1000
  child.kill('SIGKILL')
  await ended
  return { wallMs, cpuMs }
}

async function row(name: string, args: readonly string[]): Promise<string> {
  const starts: Start[] = []
  for (let i = 0; i < STARTS; i++) starts.push(await start(args))
  const spread = (of: (one: Start) => number) => {
    const sorted = starts.map(of).sort((a, b) => a - b)
    return `${Math.round(sorted[Math.floor(STARTS / 2)] ?? 0)} ms (from ${Math.round(sorted[0] ?? 0)} to ${Math.round(sorted.at(-1) ?? 0)})`
  }
  return `| ${name} | ${spread(({ wallMs }) => wallMs)} | ${spread(({ cpuMs }) => cpuMs)} |`
}

console.log(`| ${STARTS} starts, median | until the first line | CPU |\n| --- | --- | --- |`)
console.log(await row('`simulate`', [CLI, 'simulate']))
console.log(await row('a Node that prints one word', ['-e', 'console.log("here")']))
