// Brings a fresh connection to where a session can take it: begun, and configured where every session begins in the same way.
import { decodeEvent, encodeEvent, UPSTREAM_LIMITS } from '../core/protocol/codec.js'
import { dialectFor } from '../core/protocol/dialects.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Frame, RealtimeEvent } from '../core/protocol/events.js'
import type { UpstreamConnection } from '../ports/upstream.js'
import { WarmLink } from './warm-link.js'

export interface WarmUpOptions {
  /** A `session.update` in GA to send ahead. */
  readonly opening: RealtimeEvent | undefined
  /** For all of it, in milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** The link ended or the upstream said `error`, before or after it was ready; never once it is taken. */
  readonly onLost: () => void
}

/** Rejects with a `RefusalError`, the link closed, when the upstream begins with anything but a session, refuses the opening, or is silent. */
export function warmUp(connection: UpstreamConnection, { timeoutMs, signal, onLost, ...options }: WarmUpOptions): Promise<WarmLink> {
  const opening = options.opening && asUpstreamReads(options.opening, connection)
  return new Promise((resolve, reject) => {
    let awaited: 'session.created' | 'session.updated' | 'nothing' = 'session.created'
    const settle = (refusal?: RefusalError): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      awaited = 'nothing'
      if (!refusal) return resolve(link)
      link.close(1000, '')
      reject(refusal)
    }
    const onAbort = (): void => settle(new RefusalError('upstream_refused', 'closed'))
    const timer = setTimeout(() => settle(new RefusalError('upstream_timeout', 'first_event')), timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    const link = new WarmLink(connection.link, {
      onEarly(frame, isBinary) {
        const type = isBinary ? '' : typeOf(frame)
        if (type === 'error' || (awaited === 'session.created' && type !== awaited)) return 'lose'
        if (type !== awaited) return 'keep'
        if (awaited === 'session.created' && opening !== undefined) {
          awaited = 'session.updated'
          link.send(opening)
          return 'keep'
        }
        settle()
        if (opening === undefined) return 'keep'
        link.rehearsed({ asks: (data) => withoutId(data) === withoutId(opening), answer: frame })
        return 'skip'
      },
      onLost() {
        if (awaited !== 'nothing') settle(new RefusalError('upstream_refused', 'closed_early'))
        onLost()
      },
    })
    if (signal.aborted) onAbort()
  })
}

function typeOf(frame: Frame): string {
  const decoded = decodeEvent(frame, UPSTREAM_LIMITS)
  return decoded.ok ? decoded.event.type : ''
}

/** Undefined where the dialect needs more than one event for it. */
function asUpstreamReads(opening: RealtimeEvent, { dialect }: UpstreamConnection): string | undefined {
  const [only, ...more] = dialectFor(dialect).fromGa(opening)
  return only && more.length === 0 ? encodeEvent(only) : undefined
}

/** Event ids differ from session to session and change nothing. */
function withoutId(data: Frame | string): string | undefined {
  const decoded = decodeEvent(Buffer.from(data), UPSTREAM_LIMITS)
  return decoded.ok ? encodeEvent({ ...decoded.event, event_id: '' }) : undefined
}
