// What a simulated caller hears: a playback queue that drains at wall time, can be cleared, and is kept with the silence in between.

/** Audio that waits to be played: what carriers are known to hold is less. */
const MAX_QUEUED_MS = 30 * 60_000
/** What is kept of a call. Later sound is played and counted, but not kept. */
const MAX_KEPT_MS = 60 * 60_000

export interface HeardSetup {
  /** 48: PCM16 at 24 kHz. 8: mu-law at 8 kHz. */
  readonly bytesPerMs: number
  /** The byte that is silence: 0, or 0xFF in mu-law. */
  readonly silence: number
  /** False: sound is played and counted, and `heard()` stays empty. For many calls at once. */
  readonly keep?: boolean
  /** A steady clock in milliseconds. */
  readonly now?: () => number
}

/** One `clear` of the relay. */
export interface Clear {
  /** Epoch milliseconds. */
  readonly at: number
  /** Of the relay's audio, from the call's beginning on. */
  readonly playedMs: number
  readonly droppedMs: number
}

export interface Heard {
  /** The connection stands: the record begins. What came before is played from now on. Once. */
  start(): void
  /** Queues sound. False: the queue is full, and the sound is dropped. */
  play(audio: Buffer): boolean
  /** Calls back when all sound queued by now was played, or was cleared. */
  mark(reached: () => void): void
  clear(): void
  /** Playing ends; marks that wait are never reached. */
  stop(): void
  /** From the connection on, with the silence in between, up to now or to `stop`. */
  heard(): Buffer
  readonly queuedMs: number
  /** Sound of the relay that was played, without silence. */
  readonly playedMs: number
  readonly clears: readonly Clear[]
  /** Milliseconds from the connection to the first sound played. */
  readonly firstMs: number | undefined
  /** How often the queue ran dry and sound came again within 300 ms: an answer with a hole in it. */
  readonly gaps: number
}

const GAP_MS = 300

export function createHeard({ bytesPerMs, silence, keep = true, now = () => performance.now() }: HeardSetup): Heard {
  const queue: Buffer[] = []
  const marks: { readonly at: number; readonly reached: () => void }[] = []
  const clears: Clear[] = []
  /** Kept sound in order; a number is so many bytes of silence. */
  const kept: (Buffer | number)[] = []
  let startedAt: number | undefined
  let stoppedAt: number | undefined
  /** All in bytes. `clock`: sound and silence together. `queued` stands in the queue. `played`: sound alone. `passed`: played or cleared. */
  let clock = 0
  let queued = 0
  let played = 0
  let passed = 0
  let firstAt: number | undefined
  let dryAt: number | undefined
  let gaps = 0
  let timer: NodeJS.Timeout | undefined

  const record = (part: Buffer | number) => {
    if (keep && clock <= MAX_KEPT_MS * bytesPerMs) kept.push(part)
  }
  const playUpTo = (bytes: number) => {
    while (clock < bytes && queue.length > 0) {
      const part = queue[0] as Buffer
      const taken = part.subarray(0, bytes - clock)
      firstAt ??= clock
      if (dryAt !== undefined && clock > dryAt && clock - dryAt < GAP_MS * bytesPerMs) gaps++
      dryAt = undefined
      record(taken)
      clock += taken.length
      queued -= taken.length
      played += taken.length
      passed += taken.length
      if (taken.length === part.length) queue.shift()
      else queue[0] = part.subarray(taken.length)
      if (queue.length === 0) dryAt = clock
    }
    if (clock >= bytes) return
    record(bytes - clock)
    clock = bytes
  }
  /** Brings everything up to the present; whoever looks or changes something does so first. */
  const advance = () => {
    if (startedAt === undefined) return
    // Whole samples of two bytes, so that a cut never tears one.
    const bytes = Math.floor(((stoppedAt ?? now()) - startedAt) * (bytesPerMs / 2)) * 2
    playUpTo(bytes)
  }
  const reachMarks = () => {
    timer = undefined
    advance()
    while (marks[0] && marks[0].at <= passed) marks.shift()?.reached()
    const next = marks[0]
    if (next && startedAt !== undefined && stoppedAt === undefined) timer ??= setTimeout(reachMarks, Math.max(1, (next.at - passed) / bytesPerMs))
  }

  return {
    start() {
      if (startedAt !== undefined) return
      startedAt = now()
      reachMarks()
    },
    play(audio) {
      advance()
      if (stoppedAt !== undefined || queued + audio.length > MAX_QUEUED_MS * bytesPerMs) return false
      if (audio.length > 0) queue.push(audio)
      queued += audio.length
      return true
    },
    mark(reached) {
      advance()
      if (stoppedAt !== undefined) return
      marks.push({ at: passed + queued, reached })
      if (!timer) reachMarks()
    },
    clear() {
      advance()
      clears.push({ at: Date.now(), playedMs: played / bytesPerMs, droppedMs: queued / bytesPerMs })
      queue.length = 0
      passed += queued
      queued = 0
      dryAt = undefined
      clearTimeout(timer)
      reachMarks()
    },
    stop() {
      stoppedAt ??= now()
      advance()
      clearTimeout(timer)
      timer = undefined
      marks.length = 0
    },
    heard() {
      advance()
      return Buffer.concat(kept.map((part) => (typeof part === 'number' ? Buffer.alloc(part, silence) : part)))
    },
    get queuedMs() {
      advance()
      return queued / bytesPerMs
    },
    get playedMs() {
      advance()
      return played / bytesPerMs
    },
    clears,
    get firstMs() {
      advance()
      return firstAt === undefined ? undefined : firstAt / bytesPerMs
    },
    get gaps() {
      advance()
      return gaps
    },
  }
}
