// Reads the usage of a target's whole process tree: time on a core, time waiting for one, and resident memory.
import { readdirSync, readFileSync } from 'node:fs'

export interface CpuSample {
  /** Time on a core, in microseconds. */
  readonly onCpuMicros: number
  /** Time ready to run but waiting for a core, in microseconds: how crowded the machine was. */
  readonly waitMicros: number
}

/** Whether this machine can measure at all. */
export function canMeasure(): boolean {
  try {
    return readFileSync('/proc/self/schedstat', 'utf8').split(' ').length >= 2
  } catch {
    return false
  }
}

function childrenOf(pid: number): number[] {
  const found: number[] = []
  for (const thread of threadsOf(pid)) {
    const list = read(`/proc/${pid}/task/${thread}/children`)
    for (const child of list.split(' ')) if (child.trim() !== '') found.push(Number(child))
  }
  return found
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** Empty if the process or thread has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** `pid` and all of its descendants. */
export function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)]
}

/** Sums over every thread. A thread that ends takes its time with it, so take both samples while the tree is stable. */
export function sampleCpu(pids: readonly number[]): CpuSample {
  let onCpu = 0
  let wait = 0
  for (const pid of pids) {
    for (const thread of threadsOf(pid)) {
      const [ran = 0, waited = 0] = read(`/proc/${pid}/task/${thread}/schedstat`).split(' ').map(Number)
      onCpu += ran
      wait += waited
    }
  }
  return { onCpuMicros: onCpu / 1000, waitMicros: wait / 1000 }
}

/** Resident kilobytes of the tree; pages shared between its processes count for each of them. */
export function residentKb(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) sum += Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0)
  return sum
}
