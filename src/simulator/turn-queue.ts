// Does things in the order in which they were asked for, each at once or after its delay.

export interface TurnQueue {
  /** Nothing overtakes what was to be done before it. */
  add(ms: number, work: () => void): void
  /** Forgets what waits. */
  clear(): void
}

export function createTurnQueue(): TurnQueue {
  const queue: { due: number; work: () => void }[] = []
  let timer: NodeJS.Timeout | undefined

  const run = () => {
    timer = undefined
    while (queue[0] && queue[0].due <= performance.now() + 0.5) queue.shift()?.work()
    if (queue[0]) timer ??= setTimeout(run, queue[0].due - performance.now())
  }
  return {
    add(ms, work) {
      if (ms <= 0 && queue.length === 0) return work()
      queue.push({ due: Math.max(performance.now() + ms, queue.at(-1)?.due ?? 0), work })
      timer ??= setTimeout(run, ms)
    },
    clear() {
      queue.length = 0
      clearTimeout(timer)
      timer = undefined
    },
  }
}
