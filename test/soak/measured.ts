// What the soaks measure of their own process between two rounds, and how they talk to their other processes.
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { tuneHeap } from '../../src/process/heap.js'
import { LIMITS, type Sample, trends } from './trend.js'

/** Longest wait for the sockets of a round to close. A closing handshake without an answer takes two seconds. */
const QUIET_MS = 10_000
const STEADY_MS = 500

tuneHeap()
const collectGarbage = runInNewContext('gc') as () => void

/** Compiled code is added for an hour and lies in the heap that is measured here. Without it everything takes three times as long. */
export function compileNothing(): void {
  setFlagsFromString('--no-opt')
}

/** The next message; rejects when the process ends first. Leaves no listener behind, which this very test would count. */
export function received<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown) => {
      child.off('exit', onExit)
      resolve(message as T)
    }
    const onExit = () => {
      child.off('message', onMessage)
      reject(new Error('the load process ended'))
    }
    child.once('message', onMessage)
    child.once('exit', onExit)
  })
}

const resources = (kind: RegExp) => process.getActiveResourcesInfo().filter((name) => kind.test(name)).length
const SOCKETS = /^(TCPSocketWrap|TLSWrap|TCPConnectWrap)$/
const TIMERS = /^(Timeout|Immediate)$/

/** Waits until the number of open sockets has not changed for half a second, or for `QUIET_MS`. */
export async function quiet(): Promise<void> {
  const until = performance.now() + QUIET_MS
  let last = -1
  let since = performance.now()
  while (performance.now() < until && performance.now() - since < STEADY_MS) {
    const now = resources(SOCKETS)
    if (now !== last) since = performance.now()
    last = now
    await sleep(25)
  }
}

export async function sample(sessions: number): Promise<Sample> {
  for (let n = 0; n < 3; n++) {
    collectGarbage()
    await turn()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return {
    sessions,
    heapBytes: heapUsed,
    externalBytes: external,
    rssBytes: rss,
    sockets: resources(SOCKETS),
    timers: resources(TIMERS),
    otherHandles: process.getActiveResourcesInfo().length - resources(SOCKETS) - resources(TIMERS),
  }
}

export function line({ sessions, heapBytes, externalBytes, rssBytes, sockets, timers, otherHandles }: Sample): string {
  const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(1)
  return `${sessions} sessions: heap ${mib(heapBytes)} MiB, external ${mib(externalBytes)} MiB, resident ${mib(rssBytes)} MiB, ${sockets} sockets, ${timers} timers, ${otherHandles} other handles`
}

export function report(samples: readonly Sample[], problems: readonly string[]): number {
  for (const problem of new Set(problems)) console.log(`PROBLEM ${problem} (${problems.filter((one) => one === problem).length} times)`)
  const verdicts = trends(samples)
  for (const { figure, perSession, growth, grows } of verdicts) {
    const limit = LIMITS[figure]
    console.log(
      `${grows ? 'GROWS' : 'steady'}  ${figure.padEnd(14)} ${perSession.toFixed(4)} a session (${growth.toFixed(0)} in all; limit ${limit.perSession} and ${limit.allowance})`,
    )
  }
  return problems.length > 0 || verdicts.some(({ grows }) => grows) ? 1 : 0
}
