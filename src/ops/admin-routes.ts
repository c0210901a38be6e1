// What the admin API can do: one table of routes with what each takes, answers and does.
import type { BreakerState } from '../core/breaker.js'
import type { LimitState, LimitStore } from '../ports.js'
import type { AdminField, AdminInput } from './admin-input.js'
import { type DescribedRoute, object } from './admin-openapi.js'

export interface UpstreamStatus {
  readonly name: string
  /** Name under which its limits are recorded. */
  readonly deployment: string
  readonly breaker: BreakerState
  /** Epoch milliseconds; not after now: it may be dialled. */
  readonly freeFrom: number
  readonly latencyMs: number | undefined
}

export interface SessionStatus {
  readonly id: string
  readonly subject: string
  readonly profile: string
  readonly dialect: string
  readonly seconds: number
  readonly phase: string
}

export interface AdminActions {
  readonly upstreams: () => readonly UpstreamStatus[]
  /** Live sessions of this process. */
  readonly sessions: () => readonly SessionStatus[]
  /** Ends those that fit, of this process; returns how many. */
  readonly endSessions: (target: { readonly sessionId?: string; readonly subject?: string }) => number
  readonly limits: Pick<LimitStore, 'limitsOf' | 'usageOf' | 'revoke'>
  /** Epoch milliseconds. */
  readonly now: () => number
}

/** Redis, or whatever keeps limits and usage, does not answer. */
export class StoreAwayError extends Error {
  override readonly name = 'StoreAwayError'
}

/** No live session of this process has the id. */
export class NoSessionError extends Error {
  override readonly name = 'NoSessionError'
}

export interface AdminRoute extends DescribedRoute {
  /** Rejects with a `StoreAwayError` or a `NoSessionError`; what is asked of `actions` is bounded in time by itself. */
  readonly run: (input: AdminInput, actions: AdminActions) => Promise<{ readonly status: number; readonly body: object }>
}

const TIME = { type: 'string', format: 'date-time' }
const COUNT = { type: 'integer', minimum: 0 }
const PROCESS = { const: 'process', description: 'Other relays that share the same Redis have sessions of their own.' }
const SUBJECT: AdminField = { name: 'subject', in: 'path', kind: 'subject', required: true, description: 'The `sub` of the user’s tokens, percent-encoded.' }
const STORE_AWAY = { 503: 'Redis does not answer.' }

const LIMIT = object(
  {
    name: { type: 'string' },
    source: { type: 'string', description: 'Who said so. All numbers of one limit but `used` are of one report.' },
    ageSeconds: { type: 'number', minimum: 0 },
    limit: { type: 'number' },
    remaining: { type: 'number' },
    resetAt: TIME,
    used: object({ amount: { type: 'number' }, source: { const: 'usage' }, minuteFrom: TIME }),
  },
  ['name', 'source', 'ageSeconds'],
)

const DEPLOYMENT = object({
  upstream: { type: 'string' },
  deployment: { type: 'string' },
  breaker: { enum: ['closed', 'open', 'half_open'] satisfies BreakerState[] },
  freeFrom: { type: ['string', 'null'], format: 'date-time', description: 'Null: it may be dialled now.' },
  latencyMs: { type: ['number', 'null'], description: 'Of the last dials of this process. Null: there was none.' },
  limits: { type: ['array', 'null'], items: LIMIT, description: 'Null: Redis does not answer.' },
})

const SESSION = object({
  id: { type: 'string' },
  subject: { type: 'string' },
  profile: { type: 'string' },
  dialect: { type: 'string' },
  seconds: { type: 'number', minimum: 0 },
  phase: { enum: ['connecting', 'configuring', 'live', 'draining', 'closed'] },
})

export const ADMIN_ROUTES: readonly AdminRoute[] = [
  {
    method: 'get',
    path: '/deployments',
    operationId: 'deployments',
    summary: 'Every upstream with its breaker, as this process sees it, and its limits, as all relays recorded them.',
    fields: [],
    answers: { 200: { description: 'In the order of the configuration.', schema: object({ deployments: { type: 'array', items: DEPLOYMENT } }) } },
    async run(_input, { upstreams, limits, now }) {
      const deployments = await Promise.all(
        upstreams().map(async ({ name, deployment, breaker, freeFrom, latencyMs }) => {
          const found = await limits.limitsOf(deployment).catch(() => undefined)
          const free = freeFrom <= now() ? null : iso(freeFrom)
          return { upstream: name, deployment, breaker, freeFrom: free, latencyMs: latencyMs ?? null, limits: found?.map((limit) => limitShown(limit, now())) ?? null }
        }),
      )
      return { status: 200, body: { deployments } }
    },
  },
  {
    method: 'get',
    path: '/usage/{subject}',
    operationId: 'usage',
    summary: 'What a user used on one day (UTC), over all relays.',
    fields: [SUBJECT, { name: 'day', in: 'query', kind: 'day', required: false, description: 'Today where it is left out.' }],
    answers: {
      200: {
        description: 'No counters: nothing is kept of that day.',
        schema: object({ subject: { type: 'string' }, day: { type: 'string', format: 'date' }, counters: { type: 'object', additionalProperties: { type: 'number' } } }),
      },
    },
    refusals: STORE_AWAY,
    async run({ subject, day }, { limits, now }) {
      const window = day === undefined ? iso(now()).slice(0, 10) : String(day)
      const counters = await limits.usageOf({ kind: 'subject', name: String(subject) }, window).catch(() => {
        throw new StoreAwayError()
      })
      return { status: 200, body: { subject, day: window, counters } }
    },
  },
  {
    method: 'get',
    path: '/sessions',
    operationId: 'sessions',
    summary: 'The live sessions of this process.',
    fields: [],
    answers: { 200: { description: 'Oldest first.', schema: object({ scope: PROCESS, sessions: { type: 'array', items: SESSION } }) } },
    run: async (_input, { sessions }) => ({ status: 200, body: { scope: 'process', sessions: sessions() } }),
  },
  {
    method: 'post',
    path: '/sessions/{id}/end',
    operationId: 'endSession',
    summary: 'Ends one live session of this process.',
    fields: [{ name: 'id', in: 'path', kind: 'sessionId', required: true, description: 'As in the list of sessions and in the log.' }],
    answers: { 200: { description: 'It has ended.', schema: object({ scope: PROCESS, ended: COUNT }) } },
    refusals: { 404: 'No live session of this process has this id.' },
    async run({ id }, { endSessions }) {
      const ended = endSessions({ sessionId: String(id) })
      if (ended === 0) throw new NoSessionError()
      return { status: 200, body: { scope: 'process', ended } }
    },
  },
  {
    method: 'post',
    path: '/users/{subject}/end',
    operationId: 'endUser',
    summary: 'Ends every live session of a user in this process. The user may connect again; `revoke` keeps out, on every relay.',
    fields: [SUBJECT],
    answers: { 200: { description: 'How many have ended.', schema: object({ scope: PROCESS, ended: COUNT }) } },
    run: async ({ subject }, { endSessions }) => ({ status: 200, body: { scope: 'process', ended: endSessions({ subject: String(subject) }) } }),
  },
  {
    method: 'post',
    path: '/revoke',
    operationId: 'revoke',
    summary: 'Refuses a token, a user, or both, and ends their live sessions, on every relay. It cannot be shortened.',
    fields: [
      { name: 'tokenId', in: 'body', kind: 'tokenId', required: false, description: 'The `jti` of a token. This or `subject` is needed.' },
      { name: 'subject', in: 'body', kind: 'subject', required: false, description: 'The `sub` of a user’s tokens.' },
      { name: 'untilSeconds', in: 'body', kind: 'until', required: true, description: 'Seconds since 1970-01-01; for a token best its `exp`.' },
    ],
    answers: {
      200: { description: 'In force on every relay.', schema: revoked(true) },
      202: { description: 'In force in this process; Redis does not answer, so other relays learn it when it is back, if this process still lives then.', schema: revoked(false) },
    },
    async run({ tokenId, subject, untilSeconds }, { limits }) {
      const target = { ...(tokenId !== undefined && { tokenId: String(tokenId) }), ...(subject !== undefined && { subject: String(subject) }) }
      const untilMs = Number(untilSeconds) * 1000
      const everywhere = await limits.revoke(target, untilMs).then(
        () => true,
        () => false,
      )
      return { status: everywhere ? 200 : 202, body: { ...target, until: iso(untilMs), everywhere } }
    },
  },
]

function revoked(everywhere: boolean) {
  return object({ tokenId: { type: 'string' }, subject: { type: 'string' }, until: TIME, everywhere: { const: everywhere } }, ['until', 'everywhere'])
}

function limitShown({ name, source, at, limit, remaining, resetAt, used, usedFrom }: LimitState, now: number): object {
  return {
    name,
    source,
    ageSeconds: Math.max(0, now - at) / 1000,
    ...(limit !== undefined && { limit }),
    ...(remaining !== undefined && { remaining }),
    ...(resetAt !== undefined && { resetAt: iso(resetAt) }),
    ...(used !== undefined && usedFrom !== undefined && { used: { amount: used, source: 'usage', minuteFrom: iso(usedFrom) } }),
  }
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}
