// Runs several copies of this process that share their ports: starts them, replaces those that die, passes on questions, drains them all at once.
import cluster, { type Worker } from 'node:cluster'
import { within } from '../time/within.js'
import { ANSWER_MS, type FromPrimary, type FromWorker } from './messages.js'

export interface PrimaryOptions {
  /** 2 or more. */
  readonly count: number
  /** Longest time that a worker needs to drain, in milliseconds. */
  readonly drainMs: number
  readonly log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>
}

export interface Primary {
  /** Resolves when the last worker has ended. Rejects if one had to be killed. */
  drain(): Promise<void>
  /** Makes every worker read its configuration again. A worker that is starting does so once it is ready. */
  reload(): Promise<void>
}

/** The worker has said on standard error why it cannot start. */
export class WorkerStartError extends Error {
  override readonly name = 'WorkerStartError'
}

/** Time to write what is queued and to exit, on top of the drain time. */
const DRAIN_SPARE_MS = 5000
const PAUSE_MS = { least: 250, most: 30_000 }
/** The death of a worker that lived this long has nothing to do with its start. */
const STEADY_MS = 60_000

/** Resolves once the first worker is ready and the others are starting. Rejects with a `WorkerStartError` if the first cannot start. */
export async function startWorkers({ count, drainMs, log }: PrimaryOptions): Promise<Primary> {
  const running = new Set<Worker>()
  const ready = new Set<Worker>()
  const questions = new Map<number, { readonly waitingFor: Set<Worker>; readonly finish: () => void; readonly values: unknown[] }>()
  let lastQuestion = 0
  let draining = false
  let reloads = 0
  let failures = 0
  let replaced = 0
  let onEmpty: (() => void) | undefined
  const pauses = new Set<NodeJS.Timeout>()
  // Carries numbers that JSON cannot, such as the NaN of an empty histogram.
  cluster.setupPrimary({ serialization: 'advanced' })

  /** `started` resolves to whether the worker became ready. */
  function launch(): Promise<boolean> {
    const worker = cluster.fork()
    const since = performance.now()
    const reloadsBefore = reloads
    running.add(worker)
    return new Promise((started) => {
      worker.on('error', () => undefined)
      worker.on('message', (message: FromWorker) => {
        if (message.type === 'ready') {
          ready.add(worker)
          log.info({ worker: worker.process.pid, url: message.url, adminUrl: message.adminUrl, ready: ready.size }, 'worker ready')
          // It may have read its files before the reload, and gets no message until it is ready.
          if (reloads > reloadsBefore) tell(worker, { type: 'reload' })
          if (draining) tell(worker, { type: 'drain' })
          started(true)
        } else if (message.type === 'ask') void ask(worker, message)
        else if (message.type === 'answer') answered(worker, message)
      })
      worker.once('exit', (code, signal) => {
        const wasReady = ready.delete(worker)
        running.delete(worker)
        for (const [id, question] of questions) if (question.waitingFor.delete(worker)) settle(id)
        started(false)
        if (running.size === 0) onEmpty?.()
        if (draining || (!wasReady && replaced === 0 && ready.size === 0)) return
        replace(worker, performance.now() - since, code, signal)
      })
    })
  }

  function replace(worker: Worker, livedMs: number, code: number | null, signal: string | null): void {
    const drained = code === 0
    failures = drained || livedMs > STEADY_MS ? 0 : failures + 1
    replaced++
    const pauseMs = failures === 0 ? 0 : Math.min(PAUSE_MS.most, PAUSE_MS.least * 2 ** (failures - 1))
    log[drained ? 'info' : 'error']({ worker: worker.process.pid, code, signal, pauseMs }, drained ? 'worker ended' : 'worker died')
    const timer = setTimeout(() => {
      pauses.delete(timer)
      void launch()
    }, pauseMs)
    pauses.add(timer)
  }

  function tell(worker: Worker, message: FromPrimary): void {
    if (worker.isConnected()) worker.send(message, () => undefined)
  }

  async function ask(asker: Worker, { id: askersId, question, data }: Extract<FromWorker, { type: 'ask' }>): Promise<void> {
    const id = ++lastQuestion
    const values: unknown[] = question === 'metrics' ? [ownMetrics(ready.size, replaced)] : []
    const finished = new Promise<void>((finish) => questions.set(id, { waitingFor: new Set(ready), finish, values }))
    for (const worker of ready) tell(worker, { type: 'question', id, question, data })
    await within(ANSWER_MS, finished, () => undefined)
    questions.delete(id)
    tell(asker, { type: 'answers', id: askersId, values })
  }

  function answered(worker: Worker, { id, value }: Extract<FromWorker, { type: 'answer' }>): void {
    const question = questions.get(id)
    if (!question?.waitingFor.delete(worker)) return
    if (value !== undefined) question.values.push(value)
    settle(id)
  }

  function settle(id: number): void {
    const question = questions.get(id)
    if (question?.waitingFor.size === 0) question.finish()
  }

  // One worker starts alone, so that a port in use or a tool that does not load is reported once and not by each.
  if (!(await launch())) throw new WorkerStartError('No worker could start.')
  for (let n = 1; n < count; n++) void launch()

  return {
    async reload() {
      reloads++
      for (const worker of ready) tell(worker, { type: 'reload' })
    },
    async drain() {
      draining = true
      log.info({ workers: running.size }, 'draining')
      for (const pause of pauses) clearTimeout(pause)
      for (const worker of ready) tell(worker, { type: 'drain' })
      const killed = await allEnded(drainMs + DRAIN_SPARE_MS)
      if (killed > 0) throw new Error(`${killed} workers did not end in time`)
      log.info({}, 'stopped')
    },
  }

  /** Kills the workers that have not ended by themselves after `ms`. Resolves to how many it killed, once all have ended. */
  async function allEnded(ms: number): Promise<number> {
    let killed = 0
    const empty = new Promise<void>((resolve) => {
      onEmpty = resolve
      if (running.size === 0) resolve()
    })
    await within(ms, empty, () => {
      killed = running.size
      log.error({ workers: killed }, 'workers killed')
      killWorkers()
      return empty
    })
    return killed
  }
}

export function killWorkers(): void {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.kill('SIGKILL')
}

/** In the form of a worker's snapshot, so that it merges with theirs. */
function ownMetrics(ready: number, replaced: number): readonly object[] {
  const metric = (name: string, help: string, type: 'gauge' | 'counter', value: number) => ({ name, help, type, aggregator: 'sum', values: [{ value, labels: {} }] })
  return [
    metric('relay_workers', 'Worker processes that are ready.', 'gauge', ready),
    metric('relay_worker_replacements_total', 'Worker processes that ended and were replaced.', 'counter', replaced),
  ]
}
