// Tracks and reports what is left of a deployment's quota, which all its sessions share.
import type { JsonObject } from '../core/protocol/events.js'
import type { RateLimitStyle } from './options.js'

interface Bucket {
  left: number
  at: number
}

export interface RateLimits {
  /** Takes the tokens of one response and returns the entries to report, or undefined if nothing is reported. */
  take(deployment: string, tokens: number): JsonObject[] | undefined
}

const MAX_DEPLOYMENTS = 1000

export function createRateLimits(style: RateLimitStyle, tokensPerMinute: number): RateLimits {
  const requestsPerMinute = Math.max(1, Math.round(tokensPerMinute / 500))
  const buckets = new Map<string, Bucket>()

  const spend = (key: string, limit: number, cost: number): JsonObject => {
    const now = Date.now()
    const bucket = buckets.get(key) ?? { left: limit, at: now }
    const left = Math.max(0, Math.min(limit, bucket.left + ((now - bucket.at) / 60_000) * limit) - cost)
    if (buckets.size < 2 * MAX_DEPLOYMENTS || buckets.has(key)) buckets.set(key, { left, at: now })
    const resetSeconds = Math.round(((limit - left) / limit) * 60_000) / 1000
    if (style === 'floats') return { limit, remaining: Math.floor(left) + 0.5, reset_seconds: resetSeconds + 0.0005 }
    return { limit, remaining: Math.floor(left), reset_seconds: resetSeconds }
  }

  return {
    take(deployment, tokens) {
      if (style === false) return undefined
      const requests = () => ({ name: 'requests', ...spend(`requests:${deployment}`, requestsPerMinute, 1) })
      const used = () => ({ name: 'tokens', ...spend(`tokens:${deployment}`, tokensPerMinute, tokens) })
      if (style === 'tokens') return [used()]
      if (style === 'requests') return [requests()]
      return [requests(), used()]
    },
  }
}
