// Turns a snapshot of the relay's metrics into OpenTelemetry's form, under the same names and labels.
import type { Attributes, HrTime } from '@opentelemetry/api'
import { AggregationTemporality, type DataPoint, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import type { MetricsSnapshot } from '../metrics.js'

interface Sample {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  readonly metricName?: string
}

interface Sampled {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary'
  readonly values: readonly Sample[]
}

type Histogram = Extract<MetricData, { dataPointType: DataPointType.HISTOGRAM }>['dataPoints'][number]['value']

/** All since `startTime`, as Prometheus counts. A summary has no counterpart, and the relay has none. */
export function metricData(snapshot: MetricsSnapshot, startTime: HrTime, endTime: HrTime): MetricData[] {
  return (snapshot as readonly Sampled[]).flatMap((metric): MetricData[] => {
    const descriptor = { name: metric.name, description: metric.help, unit: '', valueType: 1 }
    const common = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE }
    const point = <T>(attributes: Attributes, value: T): DataPoint<T> => ({ startTime, endTime, attributes, value })
    const numbers = () => metric.values.filter(({ value }) => Number.isFinite(value)).map(({ labels, value }) => point({ ...labels }, value))
    switch (metric.type) {
      case 'counter':
        return [{ ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: numbers() }]
      case 'gauge':
        return [{ ...common, dataPointType: DataPointType.GAUGE, dataPoints: numbers() }]
      case 'histogram':
        return [{ ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(metric).map(({ labels, value }) => point(labels, value)) }]
      default:
        return []
    }
  })
}

/** Prometheus counts in each bucket what is in those before it as well. */
function histograms({ name, values }: Sampled): readonly { readonly labels: Attributes; readonly value: Histogram }[] {
  const found = new Map<string, { readonly labels: Attributes; readonly buckets: [number, number][]; sum: number; count: number }>()
  for (const { labels: given, value, metricName } of values) {
    const { le, ...labels } = given
    const key = JSON.stringify(Object.entries(labels).sort())
    const one = found.get(key) ?? { labels, buckets: [], sum: 0, count: 0 }
    found.set(key, one)
    if (metricName === `${name}_sum`) one.sum = value
    else if (metricName === `${name}_count`) one.count = value
    else if (le !== undefined && le !== '+Inf') one.buckets.push([Number(le), value])
  }
  return [...found.values()].map(({ labels, buckets, sum, count }) => {
    const sorted = buckets.sort(([a], [b]) => a - b)
    const upTo = [...sorted.map(([, inside]) => inside), count]
    const counts = upTo.map((inside, index) => inside - (upTo[index - 1] ?? 0))
    return { labels, value: { buckets: { boundaries: sorted.map(([bound]) => bound), counts }, sum, count } }
  })
}
