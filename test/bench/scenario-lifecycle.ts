// The cost of a session besides its audio: time and CPU to open it, memory to keep it, and memory for a client that stops reading.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Lab, measured, problemsOf, untilTrue } from './lab.js'
import { residentKb } from './process-tree.js'
import { type Goal, median, type Results, record } from './results.js'
import { available, inRounds } from './rounds.js'
import { POOL_SIZE, type Running, type TargetName } from './targets.js'

/** Of one measurement. Fewer than the pool holds, so that every session can come from it. */
const SETUP_SESSIONS = 12

/** Sessions that open together wait for each other's CPU time; one by one they show what a caller waits for. */
export interface SetUpCase {
  /** How long the upstream delays its 101. */
  readonly delayMs: number
  readonly together: number
}

/** A process that has just started runs most of its code unoptimised; this is what it has opened after its first minutes. */
const WARM_UP_SESSIONS = 1000

export async function setUp(lab: Lab, results: Results, targets: readonly TargetName[], cases: readonly SetUpCase[], rounds: number): Promise<void> {
  let poolEmpty = false
  for (const { delayMs, together } of cases) {
    const title = `session.created, upstream +${delayMs} ms${together > 1 ? `, ${together} at once` : ''}`
    const goals: Goal[] = together > 1 ? [] : [{ target: 'relay', against: 'direct', as: 'difference', atMost: 4, stretch: 2 }]
    if (delayMs > 0) goals.push({ target: 'relay-pool', against: undefined, as: 'value', atMost: 5, stretch: 2 })
    await inRounds(lab, results, { title, targets, rounds }, async (target, round) => {
      if (round === 0) {
        for (let opened = 0; opened < WARM_UP_SESSIONS; opened += 100) {
          await lab.open(target, { sessions: 100, workers: 4 })
          await lab.close()
        }
      }
      if (target.name === 'relay-pool' && (poolEmpty || !(await poolIsFull(lab)))) {
        if (!poolEmpty) results.skipped.push(`relay-pool in setup: of ${POOL_SIZE} connections its pool holds ${await lab.mock.call('open', {})}`)
        poolEmpty = true
        return { values: [], problems: [] }
      }
      await lab.mock.call('delayHandshakes', { ms: delayMs })
      const opening = measured(target, () => lab.open(target, { sessions: SETUP_SESSIONS, workers: together, pauseMs: 60 }))
      const { result, used } = await opening.finally(() => lab.mock.call('delayHandshakes', { ms: 0 }))
      const values = [{ head: { figure: `${title}, p50`, unit: 'ms', goals }, value: median(result.createdMs) }]
      if (target.name === 'direct') return { values, problems: [], used }
      return { values: [...values, { head: { figure: `${title}, CPU`, unit: 'µs/session' }, value: used.cpuMicros / SETUP_SESSIONS }], problems: [], used }
    })
  }
}

/** Upstream connections without a client are the pool's; gives it eight seconds to open them. */
function poolIsFull(lab: Lab): Promise<boolean> {
  return untilTrue(async () => (await lab.mock.call('open', {})) >= POOL_SIZE, 8000)
}

async function onFresh(lab: Lab, results: Results, title: string, targets: readonly TargetName[], measure: (target: Running) => Promise<void>): Promise<void> {
  for (const name of available(lab, targets, results)) {
    let target: Running | undefined
    try {
      target = await lab.fresh(name)
      await measure(target)
    } catch (error) {
      results.problems.push(`${title}, ${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
    await lab.close().catch((error: unknown) => results.problems.push(`${title}, ${name}: closing: ${String(error)}`))
    await target?.stop()
  }
}

/** Resident memory that `sessions` idle sessions add to a new process. */
export async function memory(lab: Lab, results: Results, targets: readonly TargetName[], sessions: number): Promise<void> {
  // With fewer sessions the young generation, which grows once for all of them, is most of what is seen.
  const goals: Goal[] = sessions >= 5000 ? [{ target: 'relay', against: 'ws-pipe', as: 'ratio', atMost: 1.5, stretch: 1.3 }] : []
  const head = { figure: `${sessions} idle sessions, memory`, unit: 'KB/session', goals }
  await onFresh(lab, results, head.figure, targets, async (target) => {
    await sleep(500)
    const before = residentKb(target.pids())
    await lab.open(target, { sessions, workers: 16 })
    await sleep(1500)
    record(results, head, target.name, 0, (residentKb(target.pids()) - before) / sessions)
    const problems = [...(await lab.load.call('report', {})).problems, ...(await lab.mock.call('report', {})).problems]
    results.problems.push(...problems.map((problem) => `${head.figure}, ${target.name}: ${problem}`))
  })
}

/** Many, so that garbage not yet collected, of which there is the same for one or for all, is a small part of each one's share. */
const STALLED_SESSIONS = 48
const STALLED_CHARS = 32_768
const STALLED_MESSAGES = 600

/** Clients stop reading while the upstream goes on. Measures how much the target holds for each, and checks that all of it arrives once they read again. */
export async function slowClients(lab: Lab, results: Results, targets: readonly TargetName[]): Promise<void> {
  const goals: Goal[] = [{ target: 'relay', against: undefined, as: 'value', atMost: 2, stretch: 1.5 }]
  const head = { figure: '20 MB for a client that stops reading, memory', unit: 'MB/session', goals }
  await onFresh(lab, results, head.figure, targets, async (target) => {
    await lab.open(target, { sessions: STALLED_SESSIONS })
    await lab.load.call('reset', { credits: true, ringOfChars: STALLED_CHARS })
    await lab.mock.call('reset', {})
    await lab.mock.call('prepare', { kind: 'ring', audioChars: STALLED_CHARS })
    await lab.mock.call('response', { phase: 'open' })
    await sleep(500)
    await lab.load.call('reading', { on: false })
    const before = residentKb(target.pids())
    const flowing = lab.mock.call('saturate', { frames: STALLED_MESSAGES, windowBytes: 1e9, stopAfterMs: 60_000 }, 60_000)
    const peak = await peakUntilStill(lab, target)
    record(results, head, target.name, 0, (peak - before) / 1024 / STALLED_SESSIONS)
    await lab.load.call('reading', { on: true })
    const sent = await flowing
    const problems = problemsOf('after reading on', sent, await lab.load.call('report', {}))
    results.problems.push(...problems.map((problem) => `${head.figure}, ${target.name}: ${problem}`))
  })
}

/** Peak resident memory until no byte has moved for a second, or for ten seconds. */
async function peakUntilStill(lab: Lab, target: Running): Promise<number> {
  let peak = 0
  let last = ''
  let stillSince = Date.now()
  const deadline = Date.now() + 10_000
  while (Date.now() < deadline && Date.now() - stillSince < 1000) {
    const now = JSON.stringify(await lab.mock.call('progress', {}))
    if (now !== last) stillSince = Date.now()
    last = now
    peak = Math.max(peak, residentKb(target.pids()))
    await sleep(100)
  }
  return peak
}
