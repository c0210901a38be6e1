// Keeps one thread for one tool module: starts it, bounds its calls, ends it if it no longer answers, and replaces it.
import { Worker } from 'node:worker_threads'
import { createBackoff } from './backoff.js'
import { type FromWorker, MODULE_WORKER, type ToWorker, type WorkerData } from './module-worker.js'
import { sourceBytes, type ToolLog } from './source-options.js'
import { ToolFailure } from './tool-failure.js'

/** Most calls of one module, at work or waiting for its thread. */
const MAX_CALLS = 64
/** A thread that does not answer an abort within this time is blocked. It is ended. */
const ANSWER_WITHIN_MS = 500
const START_WITHIN_MS = 10_000
/** Most calls that were aborted and never returned. A thread with more is replaced once its other calls are done. */
const MAX_ABANDONED = 16
/** After a thread failed to start, or several crashed soon after another, calls fail at once for a while. */
const LOADING = { firstMs: 1000, longestMs: 30_000, goodAfterMs: 5000 }
const CRASHING = { ...LOADING, free: 2 }
const MEMORY = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 32, codeRangeSizeMb: 16, stackSizeMb: 4 }
const HEAP_BYTES = (MEMORY.maxOldGenerationSizeMb + MEMORY.maxYoungGenerationSizeMb) * 1024 * 1024

let threadsAlive = 0

/** Most bytes that the heaps of all modules' threads may take. */
export function moduleHeapBytes(): number {
  return threadsAlive * HEAP_BYTES
}

interface Call {
  readonly message: Extract<ToWorker, { kind: 'call' }>
  thread: Thread | undefined
  started: boolean
  readonly resolve: (output: string) => void
  readonly reject: (error: Error) => void
}

interface Thread {
  readonly worker: Worker
  /** Resolves to the module's exported functions, or to undefined if it did not load. */
  readonly ready: Promise<readonly string[] | undefined>
  readonly calls: Map<number, Call>
  /** Aborted calls that the module has not returned from. */
  readonly abandoned: Set<number>
  /** Aborts that the thread has not acknowledged. */
  readonly unanswered: Set<number>
  /** The relay ended it. */
  ended: boolean
}

export interface ModuleHost {
  /** Resolves to the names of the module's exported functions, or to undefined if it does not load. */
  start(): Promise<readonly string[] | undefined>
  /** Rejects with a `ToolFailure`. Aborting `signal` ends the call, and the thread as well if the module blocks it. */
  call(exportName: string, args: unknown, caller: { readonly identity: unknown; readonly keys?: string | undefined }, signal: AbortSignal): Promise<string>
  healthy(): boolean
  close(): Promise<void>
}

export function createModuleHost(moduleUrl: URL, options: { maxBytes: number; log: ToolLog; label: string }): ModuleHost {
  const threads = new Set<Thread>()
  let newest: Thread | undefined
  let loads = true
  let notBefore = 0
  let loading = createBackoff(LOADING)
  const crashing = createBackoff(CRASHING)
  let nextId = 1
  let total = 0
  let closed = false

  const current = (): Thread => {
    if (closed || performance.now() < notBefore) throw new ToolFailure('unavailable')
    if (!newest || newest.abandoned.size > MAX_ABANDONED) newest = startThread()
    return newest
  }

  function startThread(): Thread {
    const workerData: WorkerData = { module: moduleUrl.href, maxLength: sourceBytes(options.maxBytes) }
    const worker = new Worker(MODULE_WORKER, { eval: true, workerData, env: {}, argv: [], execArgv: [], stdout: true, stderr: true, resourceLimits: MEMORY })
    threadsAlive++
    // A tool's printing would break the relay's log, which is one JSON object a line. Tools have `log` instead.
    worker.stdout.resume()
    worker.stderr.resume()
    const startedAt = performance.now()
    let loaded = false
    const ready = new Promise<readonly string[] | undefined>((resolve) => {
      const timer = setTimeout(() => void worker.terminate(), START_WITHIN_MS)
      worker.on('message', (message: FromWorker) => {
        if (message.kind !== 'ready') return receive(self, message)
        clearTimeout(timer)
        loaded = true
        loads = true
        loading = createBackoff(LOADING)
        resolve(message.functions)
      })
      worker.on('error', (error) => options.log.warn({ tool_module: options.label, reason: error instanceof Error ? error.name : 'error' }, 'tool module failed'))
      worker.on('exit', () => {
        threadsAlive--
        clearTimeout(timer)
        if (!loaded) loads = false
        const now = performance.now()
        if (!self.ended) notBefore = now + (loaded ? crashing.ended(now - startedAt) : loading.ended(0))
        end(self)
        resolve(undefined)
      })
    })
    const self: Thread = { worker, ready, calls: new Map(), abandoned: new Set(), unanswered: new Set(), ended: false }
    threads.add(self)
    return self
  }

  function receive(from: Thread, message: Exclude<FromWorker, { kind: 'ready' }>): void {
    if (message.kind === 'log') return options.log.info({ tool_module: options.label }, message.message)
    if (message.kind === 'alive') return void from.unanswered.delete(message.id)
    const call = from.calls.get(message.id)
    if (message.kind === 'started') {
      if (call) call.started = true
      return
    }
    from.abandoned.delete(message.id)
    from.calls.delete(message.id)
    if (message.kind === 'failed') {
      options.log.warn({ tool_module: options.label, reason: message.error }, 'tool module threw')
      call?.reject(new ToolFailure('failed'))
    } else call?.resolve(message.output)
    retireIfIdle(from)
  }

  /** Calls that had begun fail. The others go to the next thread. */
  function end(ended: Thread): void {
    threads.delete(ended)
    if (newest === ended) newest = undefined
    const calls = [...ended.calls.values()]
    ended.calls.clear()
    for (const call of calls) {
      if (call.started) call.reject(new ToolFailure('failed'))
      else give(call)
    }
  }

  function give(call: Call): void {
    try {
      call.thread = current()
      call.thread.calls.set(call.message.id, call)
      call.thread.worker.postMessage(call.message)
    } catch {
      call.thread?.calls.delete(call.message.id)
      call.reject(new ToolFailure('unavailable'))
    }
  }

  function abandon(call: Call): void {
    const { thread, message } = call
    if (!thread?.calls.delete(message.id)) return
    call.reject(new ToolFailure('failed'))
    thread.abandoned.add(message.id)
    thread.unanswered.add(message.id)
    thread.worker.postMessage({ kind: 'abort', id: message.id } satisfies ToWorker)
    const endIfBlocked = () => {
      if (thread.unanswered.has(message.id)) stop(thread)
    }
    // If the relay's own loop stalled, an answer may be here already: it is read before this looks.
    setTimeout(() => setImmediate(endIfBlocked), ANSWER_WITHIN_MS)
    retireIfIdle(thread)
  }

  function retireIfIdle(thread: Thread): void {
    if (thread.abandoned.size > MAX_ABANDONED && thread.calls.size === 0) stop(thread)
  }

  function stop(thread: Thread): void {
    if (thread.ended) return
    thread.ended = true
    void thread.worker.terminate()
  }

  return {
    start: async () => current().ready,
    call: async (exportName, args, { identity, keys }, signal) => {
      if (total >= MAX_CALLS) throw new ToolFailure('busy')
      if (signal.aborted) throw new ToolFailure('failed')
      total++
      const id = nextId++
      let onAbort = () => {}
      try {
        return await new Promise<string>((resolve, reject) => {
          const call: Call = { message: { kind: 'call', id, exportName, args, identity, keys }, thread: undefined, started: false, resolve, reject }
          onAbort = () => abandon(call)
          signal.addEventListener('abort', onAbort, { once: true })
          give(call)
        })
      } finally {
        signal.removeEventListener('abort', onAbort)
        total--
      }
    },
    healthy: () => loads,
    close: async () => {
      closed = true
      await Promise.all([...threads].map((thread) => thread.worker.terminate()))
    },
  }
}
