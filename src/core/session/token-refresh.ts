// Tells an opted-in client that its token expires, and lets a new token of the same caller carry the session on.
import { type RealtimeEvent, stringAt } from '../protocol/events.js'
import { overRate } from './rates.js'
import { refuse } from './refuse.js'
import { publicEventId, type Turn } from './state.js'
import { type TokenOutcome, termFrom } from './token-term.js'

/** Longer than any token the relay accepts. */
const MAX_TOKEN = 8192
const TYPE = 'relay.token.refresh'

/** At every tick of a live session. */
export function noticeExpiry(turn: Turn): void {
  const { token, now, profile } = turn.s
  if (token.noticeAt === undefined || now < token.noticeAt || !profile.relayEvents) return
  turn.s = { ...turn.s, token: { ...token, noticeAt: undefined } }
  tell(turn, 'relay.token.expiring')
}

/** Only for sessions that asked for the relay's own events; one token at a time. */
export function refreshRequested(turn: Turn, event: RealtimeEvent): void {
  const eventId = stringAt(event, 'event_id')
  const token = stringAt(event, 'token')
  if (token === undefined || token === '' || token.length > MAX_TOKEN) {
    refuse(turn, { code: 'bad_event', param: 'token', message: "'token' must be a string." }, eventId, TYPE)
    return
  }
  const tooMuch = turn.s.token.checking ? { code: 'rate_limited' as const, message: 'Another token is being checked.', retryAfterSeconds: 1 } : overRate(turn, TYPE)
  if (tooMuch) {
    refuse(turn, tooMuch, eventId, TYPE)
    return
  }
  turn.s = { ...turn.s, token: { ...turn.s.token, checking: { eventId } } }
  turn.actions.push({ do: 'token.verify', token })
}

/** A refused token changes nothing: the session goes on as long as the present one carries it. */
export function tokenVerified(turn: Turn, outcome: TokenOutcome): void {
  const { token, caller, now } = turn.s
  if (!token.checking) return
  const { eventId } = token.checking
  turn.s = { ...turn.s, token: { ...token, checking: undefined } }
  if (!outcome.ok) {
    refuse(turn, { code: outcome.code, param: 'token', message: outcome.code === 'internal' ? 'The token could not be checked.' : 'The token is not valid.' }, eventId, TYPE)
    return
  }
  if (outcome.caller.subject !== caller.subject || outcome.caller.issuer !== caller.issuer) {
    refuse(turn, { code: 'forbidden', param: 'token', message: 'The token belongs to somebody else.' }, eventId, TYPE)
    return
  }
  turn.s = { ...turn.s, token: termFrom(now, outcome.expiresAt, outcome.exp) }
  turn.actions.push({ do: 'token.use', tokenId: outcome.tokenId })
  tell(turn, 'relay.token.refreshed')
}

/** `expires_at` in whole seconds since 1970, as the service's own. */
function tell(turn: Turn, type: string): void {
  turn.actions.push({ do: 'send', to: 'client', event: { type, event_id: publicEventId(turn), expires_at: Math.floor(turn.s.token.exp / 1000) } })
}
