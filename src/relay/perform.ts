// Carries out one action of core, at once and without waiting.
import { RefusalError } from '../core/protocol/errors.js'
import type { QuotaCause } from '../core/session/quota/state.js'
import type { Action } from '../core/session/state.js'
import type { TokenOutcome } from '../core/session/token-term.js'
import { quotaUsage, reserveQuota } from './quota.js'
import type { RelayedSession } from './session.js'
import { limitsOfEvent } from './usage.js'

export function perform(session: RelayedSession, action: Action): void {
  switch (action.do) {
    case 'send':
      if (action.to === 'upstream') session.sendUpstreamEvent(action.event)
      else if (action.frame) session.sendClient(action.frame)
      else session.sendClientEvent(action.event)
      return
    case 'release.client':
      session.releaseClient()
      return
    case 'tool.start':
      startTool(session, action)
      return
    case 'tool.cancel':
      session.toolAborts.get(action.callId)?.abort()
      return
    case 'token.verify':
      verifyToken(session, action.token)
      return
    case 'token.use':
      session.tokenId = action.tokenId
      return
    case 'quota.ask':
      askQuota(session, action.cause)
      return
    case 'quota.reserve':
      reserve(session, action)
      return
    case 'quota.release':
      session.deps.store.quota.release(session.opened.identity.subject, session.opened.sessionId)
      return
    case 'record.limits':
      recordLimits(session, action)
      return
    case 'record.usage':
      session.ledger.response(action.responseId, action.usage)
      return
    case 'record.transcription':
      session.ledger.transcription(action.itemId, action.contentIndex, action.usage)
      return
    case 'media':
      session.ledger.setMedia(action.media)
      return
    case 'close':
      session.close(action.code, action.why)
      return
    case 'note':
      session.opened.recorder.note(action.note)
      return
  }
}

function startTool(session: RelayedSession, call: Extract<Action, { do: 'tool.start' }>): void {
  const { tools, identity, sessionId, recorder } = session.opened
  const abort = new AbortController()
  session.toolAborts.set(call.callId, abort)
  const known = tools.tools.some((tool) => tool.definition.name === call.name)
  const done = (output: string, ok: boolean, durationMs: number) => {
    session.toolAborts.delete(call.callId)
    session.apply({ is: 'tool.finished', callId: call.callId, output, ok, durationMs })
  }
  tools.run({ callId: call.callId, name: call.name, arguments: call.arguments }, { identity, sessionId, signal: abort.signal }).then(
    ({ output, outcome, durationMs, cut }) => {
      recorder.note({ note: 'tool_finished', tool: known ? call.name : 'unknown', outcome, durationMs, cut })
      done(output, outcome === 'ok', durationMs)
    },
    () => done('The tool failed.', false, 0),
  )
}

/** Says whether the token may carry the session; who it belongs to is core's question. */
function verifyToken(session: RelayedSession, token: string): void {
  const { authenticator, store } = session.deps
  const check = async (): Promise<TokenOutcome> => {
    const identity = await authenticator.verify(token)
    if (await store.revocations.isRevoked(identity)) return { ok: false, code: 'unauthenticated' }
    return {
      ok: true,
      caller: { subject: identity.subject, issuer: identity.issuer },
      expiresAt: session.clock() + identity.expiresAtMs - session.deps.now(),
      exp: identity.expiresAtMs,
      tokenId: identity.tokenId,
    }
  }
  const failed = (error: unknown): TokenOutcome => ({ ok: false, code: error instanceof RefusalError && error.code === 'unauthenticated' ? 'unauthenticated' : 'internal' })
  check()
    .catch(failed)
    .then((outcome) => session.apply({ is: 'token.verified', outcome }))
}

function askQuota(session: RelayedSession, cause: QuotaCause): void {
  const { identity, profile } = session.opened
  if (!profile.quota) return
  quotaUsage(session.deps.store.usage, identity.subject, profile.quota, session.deps.now(), session.ledger.booked).then((usage) =>
    session.apply({ is: 'quota.left', usage, cause }),
  )
}

function reserve(session: RelayedSession, tokens: { readonly input: number; readonly output: number }): void {
  const { opened, ledger, deps } = session
  if (!opened.profile.quota) return
  const [subject, holder] = [opened.identity.subject, opened.sessionId]
  reserveQuota(deps.store.quota, opened.profile.quota, deps.now(), { subject, holder, hold: ledger.estimate(tokens), session: ledger.booked }).then((answer) => {
    // Not applied: a session that ended meanwhile has let go before it came to hold this.
    if (!session.apply({ is: 'quota.reserved', answer })) deps.store.quota.release(subject, holder)
  })
}

function recordLimits(session: RelayedSession, { event }: Extract<Action, { do: 'record.limits' }>): void {
  const seen = limitsOfEvent(event)
  if (!seen) return
  const { identity, sessionId } = session.opened
  session.deps.store.limits.recordLimits({ ...seen, deployment: session.deployment, at: session.deps.now(), sessionId, subject: identity.subject })
}
