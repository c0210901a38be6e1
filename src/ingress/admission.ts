// Decides whether an upgrade request becomes a session, comes back to one, or joins a call: every check, in order, in one function.
import { randomUUID } from 'node:crypto'
import type { Config } from '../config/config.js'
import type { SessionProfile } from '../core/policy/profile.js'
import type { DialectName } from '../core/protocol/dialect.js'
import { type RefusalCode, RefusalError } from '../core/protocol/errors.js'
import type { CallDesk } from '../ports/call-desk.js'
import type { Identity } from '../ports/caller.js'
import type { MovedSession, ResumeClaim, ResumeRequest } from '../ports/resume.js'
import type { ToolSet } from '../ports/tools.js'
import type { Deadline } from './deadline.js'
import { chooseDialect } from './dialect-choice.js'
import { type Caller, checkOpen, checkRoom, type EnteringDeps, equip, identify, type OpeningCount, type Place, takePlace } from './entering.js'
import { checkIntent, type Handshake } from './handshake.js'
import { checkOrigin } from './origin.js'
import { chooseSubprotocol } from './subprotocol.js'

export interface AdmissionDeps extends EnteringDeps {
  readonly config: Pick<Config, 'allowedOrigins' | 'clientDialect' | 'limits'>
  /** Absent: there are no calls. */
  readonly calls?: Pick<CallDesk, 'claim'> | undefined
}

export interface Admitted {
  readonly sessionId: string
  readonly identity: Identity
  readonly profile: SessionProfile
  readonly tools: ToolSet
  readonly dialect: DialectName
  readonly requestedModel: string | undefined
  readonly trace: string | undefined
  readonly place: Place
  /** It was on another instance before. */
  readonly continues: MovedSession | undefined
}

/** A client that comes back to its session, or follows its call: a session that has its place already. */
export interface Resumed {
  readonly resumed: ResumeClaim
  readonly dialect: DialectName
  /** The refusal if the session ends meanwhile. */
  readonly otherwise: RefusalCode
}

/** Resolves to what a session needs. Rejects with a `RefusalError` or the deadline's `ClientGone`; the place is then free again. */
export async function admit(handshake: Handshake, caller: Caller, opening: OpeningCount, deadline: Deadline, deps: AdmissionDeps): Promise<Admitted | Resumed> {
  const { config } = deps
  const { headers, query, offered, trace, callId } = handshake
  // A client that comes back, or that follows its call, takes no new room.
  checkOpen(deps, callId === undefined && !(handshake.resume && deps.resume))
  checkOrigin(headers.origin, config.allowedOrigins, caller.ownOrigins)
  chooseSubprotocol(offered)
  checkIntent(query)
  const dialect = chooseDialect({ target: handshake.target, query, betaHeader: headers['openai-beta'], offered }, config.clientDialect)
  if (callId !== undefined && dialect !== 'ga') throw new RefusalError('bad_request', 'calls_speak_ga')
  const identity = await identify(deps, deadline, caller, () => deps.authenticator.authenticate({ headers, query }))
  if (callId !== undefined) return follow(callId, identity)
  const known = handshake.resume && (await comeBack(handshake.resume, identity))
  if (known && 'attach' in known) return { resumed: known, dialect, otherwise: 'resume_unknown' }
  const requestedModel = known ? known.requestedModel : handshake.requestedModel
  const sessionId = randomUUID()
  const place = await takePlace(deps, deadline, opening, { identity, sessionId, moved: known })
  try {
    const { profile, tools } = await equip(deps, deadline, identity, requestedModel)
    return { sessionId, identity, profile, tools, dialect, requestedModel, trace, place, continues: known }
  } catch (error) {
    place.release()
    throw error
  }

  /** Somebody else's call, one that is over and one that never was look the same. */
  async function follow(id: string, identity: Identity): Promise<Resumed> {
    const claim = await deadline.within(deps.calls?.claim(id, identity))
    if (!claim) throw new RefusalError('not_found', 'unknown_call')
    return { resumed: claim, dialect, otherwise: 'not_found' }
  }

  /** Its session is here, or comes here. */
  async function comeBack(request: ResumeRequest, identity: Identity): Promise<ResumeClaim | MovedSession> {
    const { resume } = deps
    const here = await deadline.within(resume?.claim(request, identity, dialect))
    // Otherwise it stays where it is.
    if (!here && resume?.fetch) checkRoom(deps, opening.value)
    const found = here ?? (await deadline.within(resume?.fetch?.(request, identity, dialect), (late) => late && 'putBack' in late && late.putBack()))
    if (!found) throw new RefusalError('resume_unknown', 'no_such_session')
    return found
  }
}
