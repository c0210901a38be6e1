// Makes counters and histograms, and begins them at 0 for label values that are known.
import { Counter, Histogram, type Registry } from 'prom-client'
import { keptTraceId, type TraceOfExample } from './exemplars.js'
import { KNOWN, type Labels } from './known-labels.js'

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

export function createSeries(registry: Registry, exemplars: boolean): Series {
  const registers = [registry]
  return {
    counter(name, help, labelNames = []) {
      const made = new Counter({ name, help, labelNames: [...labelNames], registers })
      const begin = (known: readonly Labels[]) => {
        for (const labels of known) made.inc(labels, 0)
      }
      begin(Object.hasOwn(KNOWN, name) ? KNOWN[name as keyof typeof KNOWN] : [])
      return { inc: (labels = {}, amount = 1) => made.inc(labels, amount), begin }
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
