// Typed commands to a child process over Node's own message channel, each with a deadline.
import { type ChildProcess, spawn } from 'node:child_process'
import { pinned } from './machine.js'

type Command = { readonly [name: string]: (args: never) => unknown }
type ArgumentsOf<F> = F extends (args: infer A) => unknown ? A : never
type ResultOf<F> = F extends (args: never) => infer R ? Awaited<R> : never

/** A child process that executes the commands of `C`. */
export interface Remote<C> {
  readonly pid: number
  /** Rejects if the command fails or the child ends, or after `timeoutMs` (30 s). */
  call<K extends keyof C & string>(name: K, args: ArgumentsOf<C[K]>, timeoutMs?: number): Promise<ResultOf<C[K]>>
  stop(): Promise<void>
}

interface Request {
  readonly id: number
  readonly name: string
  readonly args: unknown
}

type Reply = { readonly id: number } & ({ readonly result: unknown } | { readonly failed: string })

/** Runs `file` with this process's Node, on `core` if cores can be chosen. The child ends with this process. */
export function startRemote<C>(file: string, core: number): Remote<C> {
  const [command, ...args] = pinned(core, [process.execPath, file])
  const child = spawn(command!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  let lastId = 0
  child.on('message', (reply: Reply) => {
    const call = waiting.get(reply.id)
    waiting.delete(reply.id)
    if ('failed' in reply) call?.reject(new Error(reply.failed))
    else call?.resolve(reply.result)
  })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      for (const { reject } of waiting.values()) reject(new Error(`${file} ended (${signal ?? code})`))
      waiting.clear()
      resolve()
    })
    child.once('error', () => resolve())
  })
  return {
    pid: child.pid ?? 0,
    call: (name, args, timeoutMs = 30_000) =>
      new Promise((resolve, reject) => {
        const id = ++lastId
        const timer = setTimeout(() => {
          waiting.delete(id)
          reject(new Error(`${name} did not end within ${timeoutMs} ms`))
        }, timeoutMs)
        waiting.set(id, {
          resolve: (value) => {
            clearTimeout(timer)
            resolve(value as never)
          },
          reject: (error) => {
            clearTimeout(timer)
            reject(error)
          },
        })
        if (!child.connected) waiting.get(id)?.reject(new Error(`${file} is not running`))
        else child.send({ id, name, args } satisfies Request)
      }),
    stop: () => stopChild(child, ended),
  }
}

/** Sends SIGTERM, and SIGKILL after two seconds. */
export async function stopChild(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.kill('SIGTERM')
  const insist = setTimeout(() => child.kill('SIGKILL'), 2000)
  await ended
  clearTimeout(insist)
}

/** The child's side. Ends the process when the parent ends. */
export function obey<C>(commands: C): void {
  process.on('disconnect', () => process.exit(0))
  process.on('message', (request: Request) => {
    const command = (commands as Command)[request.name] as ((args: unknown) => unknown) | undefined
    Promise.resolve()
      .then(() => {
        if (!command) throw new Error(`no command ${request.name}`)
        return command(request.args)
      })
      .then(
        (result): Reply => ({ id: request.id, result: result ?? null }),
        (error: unknown): Reply => ({ id: request.id, failed: error instanceof Error ? error.message : String(error) }),
      )
      .then((reply) => process.send?.(reply))
  })
}
