// Adds up what a counter counts between two scrapes: a counter of the library takes microseconds for its labels, each time.
import type { Labels } from './known-labels.js'

export interface Sums {
  /** False: these labels have not begun, and nothing was added. */
  add(labels: Labels, amount: number): boolean
  begin(labels: Labels): void
  /** Tells every sum that is not 0, and begins it anew. */
  handOver(tell: (labels: Labels, amount: number) => void): void
}

interface Sum {
  readonly labels: Labels
  amount: number
}

/** By the value of one label, then by the next one's. The last has the sum. */
interface Level {
  readonly next: Map<string | undefined, Level>
  sum: Sum | undefined
}

export function createSums(labelNames: readonly string[]): Sums {
  const first: Level = { next: new Map(), sum: undefined }
  const all: Sum[] = []
  return {
    add(labels, amount) {
      let level: Level | undefined = first
      for (const name of labelNames) level = level?.next.get(labels[name])
      if (!level?.sum) return false
      // The library takes no other.
      level.sum.amount = Math.min(level.sum.amount + amount, Number.MAX_VALUE)
      return true
    },
    begin(labels) {
      let level = first
      for (const name of labelNames) {
        const next: Level = level.next.get(labels[name]) ?? { next: new Map(), sum: undefined }
        level.next.set(labels[name], next)
        level = next
      }
      level.sum = { labels, amount: 0 }
      all.push(level.sum)
    },
    handOver(tell) {
      for (const sum of all) {
        const { amount } = sum
        sum.amount = 0
        if (amount > 0) tell(sum.labels, amount)
      }
    },
  }
}
