// Decides whether a series of measurements grows with the number of sessions or is only noise.

/** A sample, taken after a garbage collection while no session is open. */
export interface Sample {
  /** Sessions that have ended so far. */
  readonly sessions: number
  readonly heapBytes: number
  /** Buffers and other native memory that belongs to objects. */
  readonly externalBytes: number
  readonly rssBytes: number
  readonly sockets: number
  readonly timers: number
  readonly otherHandles: number
}

type Figure = Exclude<keyof Sample, 'sessions'>

interface Limit {
  /** Growth that a session may leave behind. */
  readonly perSession: number
  /** Total growth that is always allowed: caches that fill up, a heap that is resized. */
  readonly allowance: number
}

const MIB = 1024 * 1024

/** An ended session that is kept costs several kilobytes of heap, so some thousand sessions show it. Resident memory moves in steps of a megabyte and more, so only a large growth of it counts. */
export const LIMITS: Readonly<Record<Figure, Limit>> = {
  heapBytes: { perSession: 100, allowance: 0.5 * MIB },
  externalBytes: { perSession: 100, allowance: 0.5 * MIB },
  rssBytes: { perSession: 1000, allowance: 16 * MIB },
  sockets: { perSession: 0, allowance: 2 },
  timers: { perSession: 0, allowance: 2 },
  otherHandles: { perSession: 0, allowance: 2 },
}

/** Share of the sessions after which the process has warmed up: caches are full, code is compiled. */
const WARM_UP = 0.3

export interface Verdict {
  readonly figure: Figure
  /** Median of the slopes between all pairs of samples: one odd sample does not move it. */
  readonly perSession: number
  /** The growth along that slope from the end of the warm-up to the last sample. */
  readonly growth: number
  readonly grows: boolean
}

/** Needs six samples after warm-up; throws with fewer. */
export function trends(samples: readonly Sample[]): readonly Verdict[] {
  const total = samples.at(-1)?.sessions ?? 0
  const warm = samples.filter((sample) => sample.sessions >= total * WARM_UP)
  if (warm.length < 6) throw new Error(`only ${warm.length} samples after warm-up: let it run longer`)
  const span = total - (warm[0]?.sessions ?? 0)
  return (Object.keys(LIMITS) as Figure[]).map((figure) => {
    const perSession = medianSlope(warm, figure)
    const growth = perSession * span
    const limit = LIMITS[figure]
    return { figure, perSession, growth, grows: perSession > limit.perSession && growth > limit.allowance }
  })
}

function medianSlope(samples: readonly Sample[], figure: Figure): number {
  const slopes: number[] = []
  for (const [index, a] of samples.entries()) {
    for (const b of samples.slice(index + 1)) if (b.sessions > a.sessions) slopes.push((b[figure] - a[figure]) / (b.sessions - a.sessions))
  }
  slopes.sort((a, b) => a - b)
  return slopes[Math.floor(slopes.length / 2)] ?? 0
}
