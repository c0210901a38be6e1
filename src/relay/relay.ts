// Opens sessions: a client link from an ingress is joined with an upstream link, and core decides what passes between them.
import { RefusalError } from '../core/protocol/errors.js'
import type { Identity } from '../ports/caller.js'
import type { CallClaim } from '../ports/calls.js'
import type { ResumeClaims } from '../ports/resume.js'
import type { NewSession } from '../ports/session.js'
import { spareAudio } from './audio-ring.js'
import { createOpenCalls, type NewCall } from './calls/calls.js'
import type { RelayDeps, SessionDeps } from './deps.js'
import { createLiveView, type SessionsSeen } from './live-view.js'
import { createMoveSlots, createRestoreQueue } from './restore-queue.js'
import { createResumeDesk } from './resume/desk.js'
import { RelayedSession } from './session.js'
import { createLiveSessions, type LiveSessions } from './sessions.js'

export interface Relay {
  /** Throws a `RefusalError` if the caller was revoked since ingress asked. A later revocation ends the session. */
  openSession(session: NewSession): void
  /** A session whose media do not pass here. Throws as `openSession` does. */
  openCall(session: NewCall): void
  /** The caller's own call that is open here. Undefined: none of his, for every reason alike. */
  claimCall(callId: string, identity: Identity): CallClaim | undefined
  readonly sessions: LiveSessions
  /** Sessions that lost their upstream, and whose turn to dial has not come. */
  restoresWaiting(): number
  /** Bytes of clients' audio that are kept now. */
  audioBytes(): number
  /** Memory is short: as little of it as can be for a minute. True: that frees something. */
  spareAudio(): boolean
  /** Undefined: nobody comes back. */
  readonly resume: ResumeClaims | undefined
  /** What operators see of at most so many of the sessions. */
  seen(most: number): SessionsSeen
}

/** What all sessions of a process keep of audio, in full ones of a session. */
const AUDIO_RINGS = 64

export function createRelay(given: RelayDeps): Relay {
  const { resume: settings } = given.settings
  const resume = settings && createResumeDesk(settings, given.now, settings.elsewhere ? given.store.keeper : undefined)
  const { audioRingBytes: ringBytes } = given.settings
  const audio = { ringBytes, budget: { mostBytes: ringBytes * AUDIO_RINGS, used: 0 } }
  const steady = given.steady ?? given.now
  const sessions = createLiveSessions(steady, () => resume?.canMove() === true)
  const restores = createRestoreQueue(given.settings.reconnectsPerSecond, steady)
  const deps: SessionDeps = { ...given, resume, audio, restores, moves: createMoveSlots(() => sessions.count) }
  deps.store.revocations.onRevoked((target) => {
    sessions.end(target)
  })
  deps.directory?.onEnd((target) => sessions.endByOperator(target))
  const calls = createOpenCalls({ bufferBytes: given.settings.bufferBytes, slowClientMs: given.settings.slowClientMs, now: steady })
  function start(opened: NewSession): RelayedSession {
    const ended = () => {
      session.audio.clear()
      sessions.remove(session)
    }
    const session: RelayedSession = begun(opened, () => new RelayedSession(opened, deps, sessions.timetable, ended))
    sessions.add(session)
    session.start()
    opened.client.onKey?.((key) => session.apply({ type: 'key', key }))
    return session
  }
  return {
    sessions,
    resume,
    restoresWaiting: () => restores.waiting,
    audioBytes: () => audio.budget.used,
    spareAudio: () => spareAudio(audio.budget),
    seen: createLiveView(sessions.all, steady, given.now),
    openSession(opened) {
      if (deps.store.revocations.isKnown(opened.identity)) throw new RefusalError('unauthenticated', 'revoked')
      // A telephone does not come back by itself, and its link tells keys and playback.
      const isResumable = opened.profile.relayEvents && !opened.phone
      if (opened.continues && !isResumable) throw new RefusalError('resume_unknown', 'no_relay_events')
      const resumable = resume && isResumable ? resume.enrol(opened) : opened
      const session = start(resumable)
      resume?.join(opened.sessionId, session)
    },
    openCall(opened) {
      if (deps.store.revocations.isKnown(opened.identity)) throw new RefusalError('unauthenticated', 'revoked')
      calls.join(opened.call.id, start(calls.enrol(opened)))
    },
    claimCall: (callId, identity) => calls.claim(callId, identity),
  }
}

/** What came from another instance may be of no use here. */
function begun({ onEnd }: NewSession, begin: () => RelayedSession): RelayedSession {
  try {
    return begin()
  } catch (error) {
    onEnd()
    throw error
  }
}
