// Tells an opted-in client that its token expires, and lets a new token of the same caller carry the session on.
import { MAX_TOKEN_BYTES } from '../protocol/credentials.js'
import { type RealtimeEvent, stringAt } from '../protocol/events.js'
import { overRate, refuse } from './refuse.js'
import { note, publicEventId, type Step } from './state.js'
import { type TokenOutcome, termFrom } from './token-term.js'

const TYPE = 'relay.token.refresh'

/** At every tick of a live session. */
export function noticeExpiry(step: Step): void {
  const { token, profile } = step.state
  if (token.noticeAt === undefined || step.now < token.noticeAt || !profile.relayEvents) return
  step.set({ token: { ...token, noticeAt: undefined } })
  tell(step, 'relay.token.expiring')
}

/** Only for sessions that asked for the relay's own events; one token at a time. */
export function refreshRequested(step: Step, event: RealtimeEvent): void {
  const eventId = stringAt(event, 'event_id')
  const token = stringAt(event, 'token')
  if (token === undefined || token === '' || token.length > MAX_TOKEN_BYTES) {
    refuse(step, { code: 'bad_event', param: 'token', message: "'token' must be a string." }, eventId, TYPE)
    return
  }
  const tooMuch = step.state.token.checking ? { code: 'rate_limited' as const, message: 'Another token is being checked.', retryAfterSeconds: 1 } : overRate(step, TYPE)
  if (tooMuch) {
    refuse(step, tooMuch, eventId, TYPE)
    return
  }
  step.set({ token: { ...step.state.token, checking: { eventId } } })
  step.actions.push({ type: 'token.verify', token })
}

/** A refused token changes nothing: the session goes on as long as the present one carries it. */
export function tokenVerified(step: Step, outcome: TokenOutcome): void {
  const { token, caller } = step.state
  if (!token.checking) return
  const { eventId } = token.checking
  step.set({ token: { ...token, checking: undefined } })
  if (!outcome.ok) {
    refuse(step, { code: outcome.code, param: 'token', message: outcome.code === 'internal' ? 'The token could not be checked.' : 'The token is not valid.' }, eventId, TYPE)
    return
  }
  if (outcome.caller.subject !== caller.subject || outcome.caller.issuer !== caller.issuer) {
    refuse(step, { code: 'forbidden', param: 'token', message: 'The token belongs to somebody else.' }, eventId, TYPE)
    return
  }
  step.set({ token: termFrom(step.now, outcome.expiresAt, outcome.exp) })
  step.actions.push({ type: 'token.use', tokenId: outcome.tokenId })
  note(step, { type: 'token_refreshed' })
  tell(step, 'relay.token.refreshed')
}

/** `expires_at` in whole seconds since 1970, as the service's own. */
function tell(step: Step, type: string): void {
  step.actions.push({ type: 'send', to: 'client', event: { type, event_id: publicEventId(step), expires_at: Math.floor(step.state.token.exp / 1000) } })
}
