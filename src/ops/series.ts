// Makes counters and histograms, and begins them at 0 for label values that are known.
import { Counter, Histogram, type Registry } from 'prom-client'
import { keptTraceId, type TraceOfExample } from './exemplars.js'
import { KNOWN, type Labels } from './known-labels.js'
import { createSums } from './sums.js'

export interface Counted {
  inc(labels?: Labels, amount?: number): void
  /** At 0, unless it was counted already. */
  begin(known: readonly Labels[]): void
}

export interface Observed {
  /** `trace`: an example of such a value, if the format has examples. */
  observe(value: number, labels?: Labels, trace?: TraceOfExample): void
  begin(known: readonly Labels[]): void
}

export interface Series {
  counter(name: string, help: string, labelNames?: readonly string[]): Counted
  histogram(name: string, help: string, buckets: readonly number[], labelNames?: readonly string[]): Observed
}

const NO_LABELS: Labels = {}

export function createSeries(registry: Registry, exemplars: boolean): Series {
  const registers = [registry]
  return {
    counter(name, help, labelNames = []) {
      const sums = createSums(labelNames)
      // At each scrape.
      const collect = () => sums.handOver((labels, amount) => made.inc(labels, amount))
      const made = new Counter({ name, help, labelNames: [...labelNames], registers, collect })
      const begin = (known: readonly Labels[]) => {
        for (const labels of known) made.inc(labels, 0)
      }
      begin(Object.hasOwn(KNOWN, name) ? KNOWN[name as keyof typeof KNOWN] : [])
      return {
        inc(labels = NO_LABELS, amount = 1) {
          const isAmount = amount >= 0 && amount < Number.POSITIVE_INFINITY
          if (isAmount && sums.add(labels, amount)) return
          // Labels that are new, and what is no amount, the library judges at once.
          made.inc(labels, amount)
          if (isAmount) sums.begin(labels)
        },
        begin,
      }
    },
    histogram(name, help, buckets, labelNames = []) {
      const made = new Histogram({ name, help, buckets: [...buckets], labelNames: [...labelNames], registers, enableExemplars: exemplars })
      const begun = new Set<string>()
      return {
        observe(value, labels = {}, trace) {
          if (!exemplars) return made.observe(labels, value)
          const id = keptTraceId(trace?.())
          made.observe({ labels, value, ...(id !== undefined && { exemplarLabels: { trace_id: id } }) })
        },
        begin(known) {
          // Once, since the library's `zero` forgets what was observed.
          for (const labels of known.filter((one) => !begun.has(keyOf(one)))) {
            begun.add(keyOf(labels))
            made.zero(labels)
          }
        },
      }
    },
  }
}

function keyOf(labels: Labels): string {
  return Object.entries(labels)
    .map((entry) => entry.join('='))
    .sort()
    .join()
}
