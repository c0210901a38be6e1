// The metrics page of a relay of several processes shows what all of them counted.
import { type Metrics, type MetricsFormat, type MetricsSnapshot, mergedText } from '../ops/metrics.js'
import type { Peers } from '../ports/peers.js'

/** Without `peers`: its own alone. */
export function metricsOfAll(metrics: Metrics, peers: Peers | undefined, format: MetricsFormat): Metrics {
  if (!peers) return metrics
  peers.answer('metrics', () => metrics.snapshot())
  return { ...metrics, text: async () => mergedText((await peers.ask('metrics')) as MetricsSnapshot[], format) }
}
