// What this machine offers for a measurement: cores to pin to, installed programs, free ports, and how much other processes used the cores.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, cpus } from 'node:os'

export const TARGET_CORE = 0
export const LOAD_CORE = 1

/** The first line that `command` prints, or undefined if it is not installed. */
export function versionOf(command: string, ...args: string[]): string | undefined {
  const run = spawnSync(command, args, { encoding: 'utf8' })
  if (run.error) return undefined
  return `${run.stdout}${run.stderr}`.trim().split('\n')[0]
}

export function isInstalled(command: string): boolean {
  return !spawnSync(command, ['--version']).error
}

const canPin = availableParallelism() > 1 && isInstalled('taskset')

/** The command line that runs `command` on one core; unchanged if cores cannot be chosen. */
export function pinned(core: number, command: readonly string[]): string[] {
  return canPin ? ['taskset', '-c', String(core), ...command] : [...command]
}

export function describeMachine(): Record<string, unknown> {
  return { node: process.version, platform: process.platform, cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), pinned: canPin }
}

/** A port that is free at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

export interface CoreUse {
  /** Milliseconds of the core spent on anything. */
  readonly busyMs: number
  /** Milliseconds that the hypervisor gave to other guests. */
  readonly stealMs: number
}

/** Ticks of 10 ms since boot; zeros if `/proc/stat` cannot be read. */
export function coreUse(core: number): CoreUse {
  try {
    const line = readFileSync('/proc/stat', 'utf8')
      .split('\n')
      .find((each) => each.startsWith(`cpu${core} `))
    const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = (line ?? '').split(/\s+/).slice(1).map(Number)
    return { busyMs: (user + nice + system + irq + softIrq) * 10, stealMs: steal * 10 }
  } catch {
    return { busyMs: 0, stealMs: 0 }
  }
}
