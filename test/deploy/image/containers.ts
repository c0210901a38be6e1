// Containers under runc: started, entered, signalled and removed, each from a bundle of its own.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Finished {
  readonly code: number
  readonly output: string
}

export interface Container {
  readonly name: string
  /** Everything it has written to both outputs. */
  readonly output: string
  /** Its first process, as this machine numbers it. */
  pid(): Promise<number>
  /** Runs another process in it, with the same user and limits. */
  exec(args: readonly string[]): Promise<Finished>
  signal(name: string): Promise<void>
  /** The match in its output, now or later. Rejects if it ends first, or after `ms`. */
  says(pattern: RegExp, ms?: number): Promise<RegExpExecArray>
  readonly ended: Promise<Finished>
}

export interface Runtime {
  start(name: string, bundle: object): Container
  /** Runs a container to its end. */
  run(name: string, bundle: object): Promise<Finished>
  /** Kills and removes what is left. */
  close(): Promise<void>
}

const SAYS_MS = 20_000
const EXEC_MS = 60_000

/** `folder` holds bundles and runc's own state. Without `counted` runc goes on if it can make no control groups. */
export function createRuntime(folder: string, counted: boolean): Runtime {
  const global = ['--root', join(folder, 'containers'), '--rootless', String(!counted)]
  const started: { readonly name: string; readonly child: ChildProcess }[] = []
  const runc = (args: readonly string[]) => finished([...global, ...args])

  function start(name: string, bundle: object): Container {
    const place = join(folder, 'bundles', name)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'config.json'), JSON.stringify(bundle))
    const child = spawn('runc', [...global, 'run', '--bundle', place, name], { stdio: ['ignore', 'pipe', 'pipe'] })
    started.push({ name, child })
    let output = ''
    const waiting = new Set<() => void>()
    const wake = () => {
      for (const look of [...waiting]) look()
    }
    const take = (chunk: Buffer) => {
      output += chunk
      wake()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    let over = false
    const ended = once(child, 'close').then(([code, signal]) => {
      over = true
      wake()
      return { code: (code as number | null) ?? 128, output: output + (signal ? ` (${String(signal)})` : '') }
    })
    return {
      name,
      ended,
      get output() {
        return output
      },
      pid: async () => (JSON.parse((await runc(['state', name])).output) as { pid: number }).pid,
      exec: (args) => runc(['exec', name, ...args]),
      async signal(signal) {
        const { code, output: said } = await runc(['kill', name, signal])
        if (code !== 0) throw new Error(`runc could not signal ${name}: ${said}`)
      },
      says: (pattern, ms = SAYS_MS) =>
        new Promise((resolve, reject) => {
          const settle = (how: () => void) => {
            clearTimeout(timer)
            waiting.delete(look)
            how()
          }
          const look = () => {
            const found = pattern.exec(output)
            if (found) settle(() => resolve(found))
            else if (over) settle(() => reject(new Error(`${name} ended before it said ${pattern}:\n${output}`)))
          }
          const timer = setTimeout(() => settle(() => reject(new Error(`${name} did not say ${pattern}:\n${output}`))), ms)
          waiting.add(look)
          look()
        }),
    }
  }

  return {
    start,
    run: (name, bundle) => start(name, bundle).ended,
    async close() {
      for (const { name, child } of started) {
        await runc(['delete', '--force', name])
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      }
    },
  }
}

function finished(args: readonly string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile('runc', [...args], { timeout: EXEC_MS }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128
      resolve({ code, output: `${out}${err}` })
    })
  })
}

/** The fields of `/proc/<pid>/status`. */
export function statusOf(pid: number): Readonly<Record<string, string>> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2) as [string, string]))
}

/** The limit that the kernel holds this process to, or undefined if it counts no memory of it apart. Both versions of control groups. */
export function memoryLimit(pid: number): number | undefined {
  for (const line of readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    const file =
      controllers === ''
        ? [`/sys/fs/cgroup${path}/memory.max`, `/sys/fs/cgroup/unified${path}/memory.max`]
        : controllers.split(',').includes('memory')
          ? [`/sys/fs/cgroup/memory${path}/memory.limit_in_bytes`]
          : []
    const limit = file.map(read).find((text) => text !== undefined)
    if (limit !== undefined && /^\d+\s*$/.test(limit) && Number(limit) < 2 ** 60) return Number(limit)
  }
  return undefined
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
