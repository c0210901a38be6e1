// The schemas of the admin API. They check requests and describe requests and answers.
import { refusalCodes } from '../core/protocol/errors.js'

export type JsonSchema = Readonly<Record<string, unknown>>

/** An object with exactly these properties. All are required unless `required` lists fewer. */
export function object(properties: Readonly<Record<string, JsonSchema>>, required: readonly string[] = Object.keys(properties)): JsonSchema {
  return { type: 'object', properties, required, additionalProperties: false }
}

export const TEXT = { type: 'string' }
export const COUNT = { type: 'integer', minimum: 0 }
export const TIME = { type: 'string', format: 'date-time' }
/** At most as long as in a token, since a longer subject belongs to no user. */
const SUBJECT = { type: 'string', minLength: 1, maxLength: 256, description: 'The `sub` of the user’s tokens, percent-encoded.' }
/** The last second of the year 9999. A time given in milliseconds by mistake is far beyond it. */
const LAST_SECOND = 253_402_300_799
export const PAGE = { default: 100, most: 500 }

export const ERROR = {
  $id: 'Error',
  ...object({ error: object({ type: TEXT, code: { type: 'string', enum: refusalCodes() }, message: TEXT, param: TEXT }, ['type', 'code', 'message']) }),
}

const LIMIT = object(
  {
    name: TEXT,
    source: { type: 'string', description: 'Source of the report. All numbers of one limit except `used` come from one report.' },
    ageSeconds: { type: 'number', minimum: 0 },
    limit: { type: 'number' },
    remaining: { type: 'number' },
    resetAt: TIME,
    used: object({ amount: { type: 'number' }, source: TEXT, minuteFrom: TIME }),
  },
  ['name', 'source', 'ageSeconds'],
)

const DEPLOYMENT = object({
  upstream: TEXT,
  deployment: TEXT,
  breaker: { type: 'string', enum: ['closed', 'open', 'half_open'] },
  freeFrom: { type: ['string', 'null'], format: 'date-time', description: 'Null if it may be dialled now.' },
  latencyMs: { type: ['number', 'null'], description: 'Of the last dials of this process. Null if there was none.' },
  limits: { type: ['array', 'null'], items: LIMIT, description: 'Null if Redis does not answer.' },
})

export const SESSION = object(
  {
    id: TEXT,
    subject: TEXT,
    tenant: TEXT,
    profile: TEXT,
    dialect: TEXT,
    call: { type: 'string', enum: ['media-only', 'shared'], description: 'Of a WebRTC call its mode.' },
    deployment: TEXT,
    relay: { type: 'string', description: 'The instance that runs it.' },
    since: TIME,
    legs: { ...COUNT, description: 'Upstream connections so far, the present one included.' },
    losses: { ...COUNT, description: 'Upstream connections that were lost.' },
    restores: { ...COUNT, description: 'Losses after which it went on.' },
    rollovers: { ...COUNT, description: 'Moves to a fresh upstream before the longest time of the one before.' },
  },
  ['id', 'subject', 'profile', 'dialect', 'deployment', 'relay', 'since'],
)

const ENDED = object({
  ended: { ...COUNT, description: 'Sessions.' },
  asked: { ...COUNT, description: 'Instances known to be alive.' },
  answered: { ...COUNT, description: 'Instances that answered.' },
  everywhere: { type: 'boolean' },
})

const REVOKED = object({ tokenId: TEXT, subject: TEXT, until: TIME, everywhere: { type: 'boolean' } }, ['until', 'everywhere'])

const REFUSALS = {
  400: 'A field is missing, unknown or wrong; `param` names it.',
  401: 'The token is missing or invalid.',
  403: 'The token has neither `relay:read` nor `relay:admin` in its `scope`, or does more than read without `relay:admin`.',
  500: 'The relay failed.',
}
export const STORE_AWAY = { 503: 'Redis does not answer.' }
const ENDINGS = { 200: answer('Done on every instance.', ENDED), 202: answer('Done here, but an instance did not answer within a second, or Redis does not answer.', ENDED) }

export const SCHEMAS = {
  deployments: {
    operationId: 'deployments',
    summary: 'Every upstream, with its breaker as this process sees it and its limits as all instances recorded them.',
    querystring: object({}),
    response: { 200: answer('In the order of the configuration.', object({ deployments: { type: 'array', items: DEPLOYMENT } })), ...errors() },
  },
  usage: {
    operationId: 'usage',
    summary: 'What a user used on one day (UTC), on all instances.',
    params: object({ subject: SUBJECT }),
    querystring: object({ day: { type: 'string', format: 'date', description: 'Default: today.' } }, []),
    response: {
      200: answer(
        'No counters if nothing is kept of that day.',
        object({ subject: TEXT, day: { type: 'string', format: 'date' }, counters: { type: 'object', additionalProperties: { type: 'number' } } }),
      ),
      ...errors(STORE_AWAY),
    },
  },
  sessions: {
    operationId: 'sessions',
    summary: 'The live sessions of all instances whose upstream has been reached.',
    querystring: object(
      {
        limit: { type: 'integer', minimum: 1, maximum: PAGE.most, description: `Default: ${PAGE.default}.` },
        cursor: { type: 'string', minLength: 1, maxLength: 1024, description: 'The `next` of the previous page.' },
      },
      [],
    ),
    response: {
      200: answer('By instance, oldest first.', object({ sessions: { type: 'array', items: SESSION }, next: { type: ['string', 'null'], description: 'Null on the last page.' } })),
      ...errors(STORE_AWAY),
    },
  },
  endSession: {
    operationId: 'endSession',
    summary: 'Ends one live session, on any instance.',
    params: object({ id: { type: 'string', minLength: 1, maxLength: 128, description: 'The id in the list of sessions and in the log.' } }),
    querystring: object({}),
    response: { ...ENDINGS, ...errors({ 404: 'No relay has a live session of this id.' }) },
  },
  endUser: {
    operationId: 'endUser',
    summary: 'Ends every live session of a user, on every instance. The user may connect again; `revoke` prevents that.',
    params: object({ subject: SUBJECT }),
    querystring: object({}),
    response: { ...ENDINGS, ...errors() },
  },
  revoke: {
    operationId: 'revoke',
    summary: 'Refuses a token, a user, or both, and ends their live sessions, on every instance. It cannot be shortened.',
    querystring: object({}),
    body: {
      ...object(
        {
          tokenId: { type: 'string', minLength: 1, maxLength: 1024, description: 'The `jti` of a token.' },
          subject: { ...SUBJECT, description: 'The `sub` of a user’s tokens.' },
          untilSeconds: { type: 'integer', minimum: 1, maximum: LAST_SECOND, description: 'A future time in seconds since 1970-01-01; for a token, its `exp`.' },
        },
        ['untilSeconds'],
      ),
      anyOf: [{ required: ['tokenId'] }, { required: ['subject'] }],
    },
    response: {
      200: answer('In force on every instance.', REVOKED),
      202: answer('In force in this process. Redis does not answer; other instances learn of it when Redis is back, if this process still runs then.', REVOKED),
      ...errors(),
    },
  },
} as const

export function answer(description: string, schema: JsonSchema): JsonSchema {
  return { description, ...schema }
}

export function errors(more: Readonly<Record<number, string>> = {}): Record<number, JsonSchema> {
  return Object.fromEntries(Object.entries({ ...REFUSALS, ...more }).map(([status, description]) => [status, { description, $ref: 'Error#' }]))
}
