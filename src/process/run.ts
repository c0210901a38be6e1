// Runs a server, or several processes of it, until a signal: the first drains and exits 0, a second exits at once, a hang-up reloads.
import type { Worker } from 'node:cluster'
import type { Config } from '../config/config.js'
import type { RelayServer, ServerExtras } from '../server/server.js'
import { tuneHeap } from './heap.js'
import { joinPrimary, shareOf } from './worker.js'

/** A server, or anything else that can be told to stop. */
export interface Runnable {
  /** Finishes the work under way and stops. Resolves within its own deadline. */
  drain(): Promise<void>
  /** Takes up a changed configuration. Never rejects. Without this method, a hang-up drains. */
  reload?(): Promise<void>
}

export interface ProcessHooks {
  on(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', handler: () => void): void
  exit(code: number): void
}

/**
 * Listens for signals at once, so that none is missed while the server starts. Rejects if it cannot start. Calls `hooks.exit` at the end, within
 * the drain time and a second.
 */
export async function runUntilSignal(starting: Promise<Runnable>, hooks: ProcessHooks): Promise<void> {
  let stopping = false
  const stop = (): void => {
    if (stopping) {
      hooks.exit(1)
      return
    }
    stopping = true
    starting
      .then((server) => server.drain())
      .then(
        () => hooks.exit(0),
        () => hooks.exit(1),
      )
  }
  hooks.on('SIGTERM', stop)
  hooks.on('SIGINT', stop)
  const hangUp = (server: Runnable): void => {
    if (server.reload) void server.reload()
    else stop()
  }
  hooks.on('SIGHUP', () => void starting.then(hangUp, () => undefined))
  await starting
}

/** Runs the relay that `load` configures, in this process or in `WORKERS` of them. `load` is called again on a reload. Rejects when it cannot start. */
export async function serve(load: () => Config, hooks: ProcessHooks): Promise<void> {
  const config = load()
  if (config.workers === 1) return runUntilSignal(startRelay(config, { load }), hooks)
  const { default: cluster } = await import('node:cluster')
  return cluster.worker ? serveAsWorker(config, load, cluster.worker, hooks) : serveInWorkers(config, hooks)
}

async function startRelay(config: Config, extras: ServerExtras): Promise<RelayServer> {
  tuneHeap()
  const { startServer } = await import('../server/server.js')
  return startServer(config, extras)
}

/** The primary process loads no part that serves. */
async function serveInWorkers(config: Config, hooks: ProcessHooks): Promise<void> {
  let killWorkers = (): void => undefined
  const start = async (): Promise<Runnable> => {
    const [primary, { createLogger }] = await Promise.all([import('./primary.js'), import('../ops/log.js')])
    killWorkers = primary.killWorkers
    return primary.startWorkers({ count: config.workers, drainMs: config.limits.drainMs, log: createLogger(config) })
  }
  await runUntilSignal(start(), {
    on: (signal, handler) => hooks.on(signal, handler),
    exit(code) {
      if (code !== 0) killWorkers()
      hooks.exit(code)
    },
  })
}

/** A terminal sends its signal to every process, and the primary sends `drain` as well: both mean one drain. A second signal ends the worker. */
async function serveAsWorker(config: Config, load: () => Config, worker: Worker, hooks: ProcessHooks): Promise<void> {
  const joined = joinPrimary(worker)
  let isReady = false
  // Its ports are opened by the primary: without one it would wait for them for ever, and serve nobody.
  worker.on('disconnect', () => {
    if (!isReady) hooks.exit(1)
  })
  const starting = startRelay(shareOf(config), { load, peers: joined.peers })
  let signals = 0
  let told = false
  await runUntilSignal(starting, {
    on(signal, handler) {
      if (signal === 'SIGHUP') {
        joined.onReload(handler)
        return hooks.on(signal, handler)
      }
      hooks.on(signal, () => {
        if (++signals > 1 || !told) handler()
      })
      if (signal !== 'SIGTERM') return
      joined.onDrain(() => {
        told = true
        if (signals === 0) handler()
      })
    },
    exit: (code) => hooks.exit(code),
  })
  const server = await starting
  isReady = true
  joined.ready(server)
}
