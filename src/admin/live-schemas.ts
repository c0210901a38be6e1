// The schemas of the routes that watch: the picture that operators get each second, and one session.
import { answer, COUNT, errors, object, SESSION, STORE_AWAY, TEXT, TIME } from './schemas.js'

const NUMBER = { type: 'number' }
const list = (items: object) => ({ type: 'array', items })
const orNull = (type: string) => ({ type: [type, 'null'] })
const counts = (description: string) => ({ type: 'object', additionalProperties: COUNT, description })

const FIRST_AUDIO = {
  ...object({ count: COUNT, p50Ms: NUMBER, p95Ms: NUMBER }),
  type: ['object', 'null'],
  description: 'Of the last spoken answer of each session shown, from the beginning of the answer.',
}

const LIMIT_SHOWN = object({
  name: TEXT,
  remaining: orNull('number'),
  limit: orNull('number'),
  resetAt: { type: ['string', 'null'], format: 'date-time' },
  source: TEXT,
  ageSeconds: NUMBER,
  history: { ...list(list(NUMBER)), description: 'What was left, oldest first: epoch milliseconds and the amount.' },
})

const UPSTREAM_SHOWN = object({
  name: TEXT,
  deployment: TEXT,
  breakers: object({ closed: COUNT, open: COUNT, half_open: COUNT }),
  freeFrom: { type: ['string', 'null'], format: 'date-time', description: 'Null if every relay may dial it now.' },
  latencyMs: { ...orNull('number'), description: 'Of the last dials of the slowest relay.' },
  dials: counts('Of all relays since their start, by outcome. Empty: it was not tried yet.'),
  sessions: COUNT,
  firstAudio: FIRST_AUDIO,
  limits: { type: ['array', 'null'], items: LIMIT_SHOWN, description: 'Null if Redis does not answer.' },
})

const SESSION_SHOWN = object({
  id: TEXT,
  user: { type: 'string', description: 'A pseudonym, the same for every session of one user.' },
  profile: TEXT,
  dialect: TEXT,
  upstream: TEXT,
  relay: TEXT,
  ageSeconds: COUNT,
  turn: { type: 'string', enum: ['restoring', 'connecting', 'waiting', 'tool', 'away', 'answering', 'listening', 'idle'] },
  turnSeconds: { ...COUNT, description: 'How long it is in this state, as far as it was watched.' },
  legs: COUNT,
  losses: COUNT,
  responses: COUNT,
  inputTokens: COUNT,
  outputTokens: COUNT,
  money: orNull('number'),
  backlogBytes: COUNT,
  heldMessages: COUNT,
  firstAudioMs: orNull('number'),
})

export const PICTURE = object({
  at: TIME,
  shared: { type: 'boolean', description: 'False: Redis does not answer, and this is one relay alone.' },
  troubles: {
    ...list(object({ level: { type: 'string', enum: ['broken', 'strained', 'note'] }, about: TEXT, name: TEXT, says: TEXT })),
    description: 'What is broken, the worst first.',
  },
  calls: object({ now: COUNT, most: COUNT, turns: counts('What they do now.'), opened: COUNT, closed: COUNT }),
  answers: counts('Responses done in the last five minutes, by status.'),
  firstAudio: FIRST_AUDIO,
  spent: object({ inputTokens: COUNT, outputTokens: COUNT, money: orNull('number'), currency: orNull('string') }),
  slots: object({ seconds: COUNT, from: TIME, calls: list(COUNT), opened: list(COUNT), answers: list(COUNT), problems: list(COUNT) }),
  relays: list(
    object({
      relay: TEXT,
      status: { type: 'string', enum: ['ok', 'degraded', 'down', 'draining', 'silent'] },
      version: orNull('string'),
      sessions: COUNT,
      mostSessions: COUNT,
      checks: list(object({ name: TEXT, status: TEXT, detail: TEXT })),
    }),
  ),
  upstreams: list(UPSTREAM_SHOWN),
  errors: list(object({ kind: TEXT, cause: TEXT, recent: COUNT, total: COUNT })),
  sessions: { ...list(SESSION_SHOWN), description: 'At most 1,000: those that wait for longest first, then the oldest.' },
})

export const LIVE_SCHEMAS = {
  live: {
    operationId: 'live',
    summary: 'Server-sent events: `hello`, then a `picture` of all relays each second, then `end` with a reason. At most 20 may watch one process.',
    querystring: object({}),
    response: {
      200: { description: 'The data of each `picture`.', content: { 'text/event-stream': { schema: PICTURE } } },
      ...errors({ 429: 'As many watch as may.' }),
    },
  },
  session: {
    operationId: 'session',
    summary: 'One live session, on any instance.',
    params: object({ id: { type: 'string', minLength: 1, maxLength: 128, description: 'The id in the list of sessions and in the log.' } }),
    querystring: object({}),
    response: { 200: answer('As in the list of sessions.', SESSION), ...errors({ 404: 'No relay has a live session of this id.', ...STORE_AWAY }) },
  },
} as const
