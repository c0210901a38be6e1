// Answers to requests that a carrier may repeat: whoever asks again is told the same, also while the first answer is being made.

const KEPT_MS = 60_000
/** Beyond this the oldest is forgotten, and who repeats that request is told what holds then. */
const MAX_KEPT = 10_000

export interface Answers {
  /** Without a key nothing is remembered. What rejects is not remembered either. */
  once(key: string | undefined, make: () => Promise<string>): Promise<string>
}

export function createAnswers(now: () => number = () => performance.now()): Answers {
  const kept = new Map<string, { readonly answer: Promise<string>; readonly until: number }>()
  return {
    once(key, make) {
      if (key === undefined) return make()
      const before = kept.get(key)
      if (before && before.until > now()) return before.answer
      kept.delete(key)
      for (const [old, { until }] of kept) {
        if (until > now() && kept.size < MAX_KEPT) break
        kept.delete(old)
      }
      const answer = make()
      kept.set(key, { answer, until: now() + KEPT_MS })
      answer.catch(() => kept.delete(key))
      return answer
    },
  }
}
