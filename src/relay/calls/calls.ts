// The calls that are open here, and who may attach to which: only whoever made it.
import { RefusalError } from '../../core/protocol/errors.js'
import type { Input } from '../../core/session/inputs.js'
import type { Identity } from '../../ports/caller.js'
import type { CallClaim, SessionCall } from '../../ports/calls.js'
import type { NewSession } from '../../ports/session.js'
import { CallLink, type CallLinkSettings } from './call-link.js'

/** The session of a call. Its client's link is the relay's own. */
export type NewCall = Omit<NewSession, 'client' | 'dialect' | 'continues'> & { readonly call: SessionCall }

interface JoinedSession {
  apply(input: Input): boolean
}

interface OpenCall {
  readonly opened: NewCall
  readonly link: CallLink
  session: JoinedSession | undefined
}

export interface OpenCalls {
  /** The session, with a link that clients may attach to. Throws if there is a call of this id. */
  enrol(opened: NewCall): NewSession
  /** The session that `enrol` was called for. It has begun. */
  join(callId: string, session: JoinedSession): void
  /** Undefined: none of his, for every reason alike. */
  claim(callId: string, identity: Identity): CallClaim | undefined
}

export function createOpenCalls(settings: CallLinkSettings): OpenCalls {
  const open = new Map<string, OpenCall>()
  return {
    enrol(opened) {
      const { call } = opened
      if (open.has(call.id)) throw new RefusalError('internal', 'call_is_open')
      const link = new CallLink(settings)
      open.set(call.id, { opened, link, session: undefined })
      const onEnd = () => {
        open.delete(call.id)
        opened.onEnd()
      }
      return { ...opened, client: link, dialect: 'ga', onEnd }
    },
    join(callId, session) {
      const found = open.get(callId)
      if (found) found.session = session
    },
    claim(callId, identity) {
      const found = open.get(callId)
      if (!found || found.opened.identity.subject !== identity.subject || found.opened.identity.issuer !== identity.issuer) return undefined
      const { sessionId } = found.opened
      return {
        sessionId,
        attach(socket) {
          // The call may have ended since, or be another of the same id.
          if (open.get(callId) !== found || !found.link.attach(socket)) return false
          return found.session?.apply({ type: 'client.joined' }) === true
        },
      }
    },
  }
}
