// The health of a guard that has a host: whether that accepts a connection, asked seldom however often somebody wants to know.
import type { Health } from '../ports/health.js'

const MAX_AGE_MS = 15_000

export function reachable(reaches: () => Promise<boolean>): () => Promise<Health> {
  let answer: Promise<boolean> | undefined
  let askedAt = 0
  return async () => {
    const now = performance.now()
    if (!answer || now - askedAt > MAX_AGE_MS) {
      answer = reaches()
      askedAt = now
    }
    return (await answer) ? { status: 'ok', detail: 'reachable' } : { status: 'degraded', detail: 'unreachable' }
  }
}
