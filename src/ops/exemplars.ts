// What prom-client loses of OpenMetrics when it merges several processes: the names of counters, and the examples of histograms.
import type { Registry } from 'prom-client'

/** Plain data that can be sent to another process. */
export type MetricsSnapshot = readonly object[]

interface Value {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  exemplar?: { readonly timestamp: number } | null | undefined
}

interface Metric {
  readonly name: string
  readonly type: string
  readonly values: readonly Value[]
}

/** Names the trace of what is observed, by its `traceparent`. Asked only if the format has examples. */
export type TraceOfExample = () => string | undefined

/** Undefined: nobody keeps this trace, so it is no example. */
export function keptTraceId(traceparent: string | undefined): string | undefined {
  const [, id, , flags] = traceparent?.split('-') ?? []
  return flags !== undefined && Number.parseInt(flags, 16) & 1 ? id : undefined
}

/** The library adds `_total` to the name of a counter, in this format, whether it has it or not. */
export function withoutTotal(snapshot: MetricsSnapshot): MetricsSnapshot {
  return (snapshot as readonly Metric[]).map((metric) => (metric.type === 'counter' ? { ...metric, name: metric.name.replace(/_total$/, '') } : metric))
}

/** Of each bucket the youngest. `merged`: of these snapshots. */
export function restoreExemplars(merged: Registry, snapshots: readonly MetricsSnapshot[]): void {
  const youngest = new Map<string, NonNullable<Value['exemplar']>>()
  for (const metric of snapshots.flat() as readonly Metric[]) {
    if (metric.type !== 'histogram') continue
    for (const value of metric.values) {
      const known = youngest.get(keyOf(value))
      if (value.exemplar && !(known && known.timestamp > value.exemplar.timestamp)) youngest.set(keyOf(value), value.exemplar)
    }
  }
  if (youngest.size === 0) return
  for (const { type, values } of merged.getMetricsAsArray() as unknown as readonly Metric[]) {
    if (type !== 'histogram') continue
    for (const value of values) value.exemplar = youngest.get(keyOf(value))
  }
}

function keyOf({ metricName, labels }: Value): string {
  return JSON.stringify([metricName, ...Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))])
}
