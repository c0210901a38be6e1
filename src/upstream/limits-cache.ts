// Caches what the store knows of each upstream's limits. It asks in the background, so a dial waits a moment at most.
import type { UpstreamConfig } from '../config/config.js'
import type { LimitState, LimitsBook } from '../ports/store.js'
import { within } from '../time/within.js'

export interface LimitsCache {
  /** Asks again if the answers are old. Resolves at once unless they are too old, else with the new answers or after `FIRST_WAIT_MS`. Never rejects. */
  refreshed(): Promise<void>
}

export interface LimitsCacheDeps {
  readonly book: LimitsBook
  /** Epoch milliseconds. */
  readonly now: () => number
  readonly seen: (name: string, limits: readonly LimitState[]) => void
}

/** While there are dials, the store is asked again after this long. */
const REFRESH_MS = 1_000
/** If the answers are older than this, a dial waits for new ones. */
const TOO_OLD_MS = 10_000
const FIRST_WAIT_MS = 50
/** Least time between two reports of an upstream's configured limits. */
const TELL_MS = 60_000

export interface LimitedUpstream {
  readonly config: UpstreamConfig
  /** The name under which its limits are recorded. */
  readonly limitKey: string
}

export function createLimitsCache(upstreams: readonly LimitedUpstream[], deps: LimitsCacheDeps): LimitsCache {
  let askedAt = Number.NEGATIVE_INFINITY
  let answeredAt = Number.NEGATIVE_INFINITY
  let asking: Promise<void> | undefined
  const toldAt = new Map<string, number>()

  async function askAll(): Promise<void> {
    askedAt = deps.now()
    await Promise.all(upstreams.map(askOne))
    answeredAt = deps.now()
    asking = undefined
  }

  async function askOne({ config, limitKey }: LimitedUpstream): Promise<void> {
    try {
      const limits = await deps.book.limitsOf(limitKey)
      deps.seen(config.name, limits)
      tellConfigured(config, limitKey, limits)
    } catch {
      // The old answers stay in use until the store answers again.
    }
  }

  /** Records the configured limits that the store does not know, for example after Redis was emptied. */
  function tellConfigured(config: UpstreamConfig, limitKey: string, known: readonly LimitState[]): void {
    const isKnown = (name: string, limit: number) => known.some((one) => one.name === name && one.limit !== undefined && (one.source !== 'configured' || one.limit === limit))
    const limits = Object.entries(config.limits ?? {}).flatMap(([name, limit]) => (isKnown(name, limit) ? [] : [{ name, limit }]))
    const at = deps.now()
    if (limits.length === 0 || at - (toldAt.get(config.name) ?? Number.NEGATIVE_INFINITY) < TELL_MS) return
    toldAt.set(config.name, at)
    deps.book.recordLimits({ deployment: limitKey, source: 'configured', at, limits })
  }

  return {
    async refreshed() {
      const now = deps.now()
      if (!asking && now - askedAt >= REFRESH_MS) asking = askAll()
      if (asking && now - answeredAt >= TOO_OLD_MS) await within(FIRST_WAIT_MS, asking, () => undefined)
    },
  }
}
