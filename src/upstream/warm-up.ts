// Prepares a new connection for a session: waits for `session.created` and sends the opening `session.update` ahead, if there is one.
import { decodeEvent, encodeEvent, UPSTREAM_LIMITS } from '../core/protocol/codec.js'
import { dialectFor } from '../core/protocol/dialects.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Frame, RealtimeEvent } from '../core/protocol/events.js'
import type { UpstreamConnection } from '../ports/upstream.js'
import { WarmLink } from './warm-link.js'

export interface WarmUpOptions {
  /** A `session.update` in GA to send ahead. */
  readonly opening: RealtimeEvent | undefined
  /** For the whole warm-up, in milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** The link ended or the upstream sent `error`, before or after it was ready. Never called once it is taken. */
  readonly onLost: () => void
}

/** Rejects with a `RefusalError` and closes the link if the first event is not `session.created`, if the opening is refused, or if the upstream is silent. */
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

/** Undefined unless the dialect spells it as exactly one event. */
function asUpstreamReads(opening: RealtimeEvent, { dialect }: UpstreamConnection): string | undefined {
  const [only, ...more] = dialectFor(dialect).fromGa(opening)
  return only && more.length === 0 ? encodeEvent(only) : undefined
}

/** The message without its event id, which differs from session to session and has no effect. */
function withoutId(data: Frame | string): string | undefined {
  const decoded = decodeEvent(Buffer.from(data), UPSTREAM_LIMITS)
  return decoded.ok ? encodeEvent({ ...decoded.event, event_id: '' }) : undefined
}
