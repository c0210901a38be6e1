// Carries out those actions of core that need a plug: tools, tokens, quotas, records. Each is done at once, and answered by an input later.
import { RefusalError } from '../core/protocol/errors.js'
import type { Side } from '../core/protocol/events.js'
import type { Action } from '../core/session/actions.js'
import type { Input } from '../core/session/inputs.js'
import type { QuotaCause } from '../core/session/quota/state.js'
import type { SessionState } from '../core/session/state.js'
import type { TokenOutcome } from '../core/session/token-term.js'
import type { Identity } from '../ports/caller.js'
import type { NewSession } from '../ports/session.js'
import { within } from '../time/within.js'
import type { AudioRing } from './audio-ring.js'
import type { SessionDeps } from './deps.js'
import type { GuardGate } from './guard-gate.js'
import { askGuard } from './guards.js'
import type { SessionLedger } from './ledger.js'
import type { Leg } from './leg.js'
import type { PlaybackLedger } from './playback-ledger.js'
import { quotaUsage, reserveQuota } from './quota.js'
import type { TurnClock } from './turn-clock.js'

/** Of a session, what its actions need. */
export interface Effects {
  readonly opened: NewSession
  readonly deps: SessionDeps
  readonly ledger: SessionLedger
  readonly toolAborts: Map<string, AbortController>
  readonly audio: AudioRing
  readonly lane: { readonly turns: Pick<TurnClock, 'moment'>; readonly playback: Pick<PlaybackLedger, 'clear' | 'drops'> | undefined; readonly gate: GuardGate | undefined }
  readonly state: SessionState
  /** Name under which limits are recorded. Empty until the upstream is reached. */
  readonly deployment: string
  /** The session rests on this token. */
  tokenId: string | undefined
  /** The session's own time, in milliseconds. */
  clock(): number
  /** The upstream's leg is the client's opposite. */
  opposite(side: Side): Pick<Leg, 'send' | 'link'> | undefined
  /** False: the session has ended, and the input changed nothing. */
  apply(input: Input): boolean
}

/** Actions on the links themselves are the session's own. */
export type PlugAction = Exclude<Action, { type: 'send' | 'dial' | 'drop' | 'switch' | 'park' | 'close' | 'note' }>

export function perform(session: Effects, action: PlugAction): void {
  switch (action.type) {
    case 'tool.start':
      return startTool(session, action)
    case 'phone.transfer':
      return transfer(session, action)
    case 'tool.cancel':
      return session.toolAborts.get(action.callId)?.abort()
    case 'resume.offer':
      return session.deps.resume?.offer(session.opened.sessionId, (token) => session.apply({ type: 'resume.offered', token }))
    case 'resume.ack':
      return session.deps.resume?.acknowledge(session.opened.sessionId, action.received)
    case 'resume.keep':
      return session.deps.resume?.snapshot(session.opened.sessionId)
    case 'export':
      session.deps.resume?.send(session.opened.sessionId, action)
      // What is not in here any more is not stopped.
      for (const callId of action.spared) session.toolAborts.delete(callId)
      return
    case 'client.drop':
      return session.deps.resume?.drop(session.opened.sessionId)
    case 'guard.check':
      return askGuard(session, action)
    case 'output.release':
      return session.lane.gate?.release(action.responseId, action.mark, session.state.playing.discarded)
    case 'output.drop':
      return session.lane.gate?.drop(action.responseId, session.state.playing.discarded)
    case 'token.verify':
      return verifyToken(session, action.token)
    case 'token.use':
      session.tokenId = action.tokenId
      return
    case 'quota.ask':
      return askQuota(session, action.cause)
    case 'quota.reserve':
      return reserve(session, action)
    case 'quota.release':
      return session.deps.store.quota.release(session.opened.identity.subject, session.opened.sessionId)
    case 'call.live':
      return session.opened.call?.onLive()
    case 'record.limits':
      return recordLimits(session, action)
    case 'record.usage':
      return session.ledger.response(action.responseId, action.usage)
    case 'record.estimate':
      return session.ledger.estimated(action)
    case 'record.transcription':
      return session.ledger.transcription(action.itemId, action.contentIndex, action.usage)
    case 'media':
      session.audio.setRate(action.media.inputBytesPerSecond)
      session.opened.recorder.sound?.media(action.media)
      return session.ledger.setMedia(action.media)
    case 'playback.clear':
      return session.lane.playback?.clear()
    case 'playback.drop':
      return session.lane.playback?.drops(action.event)
    case 'moment':
      return session.lane.turns.moment(action)
    case 'ping':
      return session.opposite('client')?.link.ping?.()
    case 'audio.append':
      for (const text of session.audio.events(action.fromMs, action.toMs)) session.opposite('client')?.send(text)
      return
  }
}

/** Carriers answer within some seconds; core gives up later than this. */
const TRANSFER_MS = 20_000

/** Where to, only the line is told. What went wrong is the carrier's part to log. */
function transfer(session: Effects, { callId, name }: Extract<Action, { type: 'phone.transfer' }>): void {
  const { phone } = session.opened
  const target = phone && Object.hasOwn(phone.transferTo, name) ? phone.transferTo[name] : undefined
  const asked = async (): Promise<boolean> => {
    if (!phone || target === undefined) return false
    await phone.line.transfer(target)
    return true
  }
  within(TRANSFER_MS, asked(), () => false).then(
    (ok) => session.apply({ type: 'phone.transferred', callId, ok }),
    () => session.apply({ type: 'phone.transferred', callId, ok: false }),
  )
}

const NOT_STARTED = { output: 'The tool was not started.', outcome: 'aborted', durationMs: 0, cut: false } as const

/** Where other instances may have the session by now, they are asked first: no tool runs in two places. */
function startTool(session: Effects, call: Extract<Action, { type: 'tool.start' }>): void {
  const { tools, identity, sessionId, trace, recorder } = session.opened
  const abort = new AbortController()
  session.toolAborts.set(call.callId, abort)
  const known = tools.tools.some((tool) => tool.definition.name === call.name)
  const done = (output: string, ok: boolean, durationMs: number) => {
    session.toolAborts.delete(call.callId)
    session.apply({ type: 'tool.finished', callId: call.callId, output, ok, durationMs })
  }
  const run = () => {
    recorder.note({ type: 'tool_started', callId: call.callId, tool: known ? call.name : 'unknown' })
    recorder.content?.({ type: 'tool_arguments', callId: call.callId, text: call.arguments })
    const ours = recorder.traceparent?.({ type: 'tool', callId: call.callId })
    return tools.run(
      { callId: call.callId, name: call.name, arguments: call.arguments },
      { identity, sessionId, trace: ours ?? trace, signal: abort.signal, ...(call.keys !== undefined && { keys: call.keys }) },
    )
  }
  const mayAct = session.deps.resume?.mayAct(sessionId)
  const running = mayAct ? mayAct.then((may) => (may && session.toolAborts.get(call.callId) === abort ? run() : NOT_STARTED)) : run()
  running.then(
    ({ output, outcome, durationMs, cut }) => {
      recorder.content?.({ type: 'tool_result', callId: call.callId, text: output })
      recorder.note({ type: 'tool_finished', callId: call.callId, tool: known ? call.name : 'unknown', outcome, durationMs, cut })
      done(output, outcome === 'ok', durationMs)
    },
    () => done('The tool failed.', false, 0),
  )
}

/** Says whether the token may carry the session; core decides whether it belongs to the same caller. */
function verifyToken(session: Effects, token: string): void {
  const { authenticator, store } = session.deps
  const check = async (): Promise<Identity> => {
    const identity = await authenticator.verify(token)
    if (await store.revocations.isRevoked(identity)) throw new RefusalError('unauthenticated', 'revoked')
    return identity
  }
  const verified = (outcome: TokenOutcome) => session.apply({ type: 'token.verified', outcome })
  check().then(
    // Revocations of a token end those sessions that rest on it, which this one does only from here on.
    (identity) => verified(store.revocations.isKnown(identity) ? { ok: false, code: 'unauthenticated' } : acceptedToken(session, identity)),
    (error: unknown) => verified({ ok: false, code: error instanceof RefusalError && error.code === 'unauthenticated' ? 'unauthenticated' : 'internal' }),
  )
}

function acceptedToken({ clock, deps }: Effects, { subject, issuer, expiresAtMs, tokenId }: Identity): TokenOutcome {
  return { ok: true, caller: { subject, issuer }, expiresAt: clock() + expiresAtMs - deps.now(), exp: expiresAtMs, tokenId }
}

function askQuota(session: Effects, cause: QuotaCause): void {
  const { identity, profile } = session.opened
  if (!profile.quota) return
  quotaUsage(session.deps.store.usage, identity.subject, profile.quota, session.deps.now(), session.ledger.booked).then((usage) =>
    session.apply({ type: 'quota.left', usage, cause }),
  )
}

function reserve(session: Effects, tokens: { readonly input: number; readonly output: number }): void {
  const { opened, ledger, deps } = session
  if (!opened.profile.quota) return
  const [subject, holder] = [opened.identity.subject, opened.sessionId]
  reserveQuota(deps.store.quota, opened.profile.quota, deps.now(), { subject, holder, hold: ledger.estimate(tokens), session: ledger.booked }).then((answer) => {
    // A session that ended meanwhile has released before this was reserved.
    if (!session.apply({ type: 'quota.reserved', answer })) deps.store.quota.release(subject, holder)
  })
}

function recordLimits({ opened, deployment, deps }: Effects, { source, limits }: Extract<Action, { type: 'record.limits' }>): void {
  deps.store.limits.recordLimits({ source, limits, deployment, at: deps.now(), sessionId: opened.sessionId, subject: opened.identity.subject })
}
