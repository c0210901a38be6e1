// What a caller has left in a replay: the recorded session alone counts, as if nothing had been used before it.
import { NO_AMOUNTS, type QuotaPolicy, type QuotaUsage, quotaLeft, spentRule } from '../policy/quota.js'
import type { JsonObject } from '../protocol/events.js'
import { tokenUsage } from '../protocol/token-usage.js'
import type { QuotaReservation } from '../session/inputs.js'

export interface Used {
  add(usage: JsonObject, now: number): void
  usage(now: number, seconds: { readonly heard: number; readonly spoken: number }): QuotaUsage
}

const MINUTE = 60_000
const DAY = 86_400_000

/** Days and months end long after a session; only the minute matters to when something is let through again. Money is not counted. */
export function createUsed(): Used {
  const counters: Record<string, number> = { responses: 0, input_tokens: 0, output_tokens: 0 }
  let minute = { at: 0, counters: { ...counters } }
  const count = (into: Record<string, number>, name: string, amount: number) => {
    into[name] = (into[name] ?? 0) + amount
  }
  const minuteAt = (now: number) => {
    const at = Math.floor(now / MINUTE)
    if (at !== minute.at) minute = { at, counters: { responses: 0, input_tokens: 0, output_tokens: 0 } }
    return minute
  }
  return {
    add(usage, now) {
      const { input, output } = tokenUsage(usage)
      for (const into of [counters, minuteAt(now).counters]) {
        count(into, 'responses', 1)
        count(into, 'input_tokens', input)
        count(into, 'output_tokens', output)
      }
    },
    usage(now, { heard, spoken }) {
      const all = { ...counters, input_audio_seconds: heard, output_audio_seconds: spoken }
      const dayEnds = (Math.floor(now / DAY) + 1) * DAY
      return {
        minute: { counters: { ...minuteAt(now).counters }, endsAt: (Math.floor(now / MINUTE) + 1) * MINUTE },
        day: { counters: all, endsAt: dayEnds },
        month: { counters: all, endsAt: dayEnds },
        session: { counters: all, endsAt: undefined },
      }
    },
  }
}

export function reservation(policy: QuotaPolicy, usage: QuotaUsage): QuotaReservation {
  return { usage, held: NO_AMOUNTS, granted: spentRule(quotaLeft(policy, usage)) === undefined }
}
