// Turns a failed dial into a refusal, and the last dials into the upstream's health.
import { RefusalError } from '../core/protocol/errors.js'
import type { Health } from '../ports/health.js'
import { DialError } from '../wire/dial-accept.js'

/** The word for a status in the log. Nothing of the answer itself is kept. */
function refusedWhy(status: number | undefined): string {
  if (status === undefined) return 'handshake'
  if (status >= 300 && status < 400) return 'redirect'
  if (status >= 500) return 'server_error'
  const words: Readonly<Record<number, string>> = { 400: 'bad_request', 401: 'credential', 403: 'forbidden', 404: 'not_found', 429: 'quota' }
  return words[status] ?? 'status'
}

/** Longer hints are cut. Azure's daily quotas ask for a day at most. */
const LONGEST_RETRY_SECONDS = 86_400

/**
 * 429 means that the deployment's quota is used up, so the client learns when to come back. Every other answer is `upstream_refused`. So is
 * a host that cannot be reached (refused, reset, unknown name, bad certificate): `upstream_lost` is for sessions that existed.
 */
export function refusalOf(error: unknown): RefusalError {
  if (error instanceof RefusalError) return error
  if (!(error instanceof DialError)) return new RefusalError('upstream_refused', 'dial_failed')
  if (error.kind === 'timeout') return new RefusalError('upstream_timeout', 'connect')
  if (error.kind === 'unreachable') return new RefusalError('upstream_refused', error.reason ?? 'unreachable')
  if (error.kind === 'aborted') return new RefusalError('upstream_refused', 'aborted')
  const hint = error.retryAfterSeconds === undefined ? undefined : Math.min(Math.max(error.retryAfterSeconds, 0), LONGEST_RETRY_SECONDS)
  if (error.status === 429) return new RefusalError('rate_limited', 'quota', hint)
  return new RefusalError('upstream_refused', refusedWhy(error.status), error.status !== undefined && error.status >= 500 ? hint : undefined)
}

/** The fixed text of each failure, for `/readyz` and `check`. */
const DETAIL: Readonly<Record<string, string>> = {
  credential: 'the upstream refuses the credential',
  forbidden: 'the upstream forbids access',
  not_found: 'the upstream does not know the deployment or path',
  bad_request: 'the upstream refuses the request',
  redirect: 'the upstream redirects, check the endpoint',
  server_error: 'the upstream fails',
  quota: 'the upstream quota is used up',
  unreachable: 'the upstream is unreachable',
  unknown_host: 'the upstream’s host name is not known',
  connection_refused: 'the upstream refuses connections',
  certificate: 'the upstream’s certificate is not trusted',
  proxy: 'the proxy is unreachable',
  proxy_refused: 'the proxy refuses the upstream',
  connect: 'the upstream does not answer in time',
  entra_token: 'no Entra ID token',
}

/** The detail of an upstream whose latest dial succeeded. */
export const REACHED = 'reachable'

/** Consecutive failures before `down`. */
const DOWN_AFTER = 3
/** A failure older than this no longer means `down`. Otherwise an instance without new dials would stay down for ever. */
const DOWN_FOR_MS = 30_000

export interface DialOutcomes {
  succeeded(): void
  /** Does not count a dial that its caller gave up, since it says nothing about the upstream. */
  failed(refusal: RefusalError): void
  /** Before the first dial it claims nothing but that none failed. */
  health(): Health
}

export function createDialOutcomes(): DialOutcomes {
  let failures = 0
  let reached = false
  let last: { why: string; code: string; at: number } | undefined
  return {
    succeeded() {
      reached = true
      failures = 0
      last = undefined
    },
    failed(refusal) {
      if (refusal.why === 'aborted' || refusal.why === 'closed') return
      failures++
      last = { why: refusal.why, code: refusal.code, at: performance.now() }
    },
    health() {
      if (!last) return { status: 'ok', detail: reached ? REACHED : 'not dialled yet' }
      const detail = DETAIL[last.why] ?? 'the last dial failed'
      const down = failures >= DOWN_AFTER && last.code !== 'rate_limited' && performance.now() - last.at < DOWN_FOR_MS
      return { status: down ? 'down' : 'degraded', detail }
    },
  }
}
