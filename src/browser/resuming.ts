// A connection that comes back to its session when its socket is lost. Runs in pages and, with a `WebSocket` such as that of `ws`, in Node.
import { createLine, type Heard, type TalkOptions, type TalkState } from './line.js'

/** Of its own messages it keeps so many: what the relay has not read is sent again. */
const MOST_KEPT = 1000
/** An `error` about this event comes from a relay that lets nobody come back. */
export const ENABLE_ID = 'resume'

export interface Talk {
  /** What is sent while there is no session goes out when there is. */
  send(event: object): void
  /** The socket may be dead without knowing: it is given up for the next, now. */
  doubt(): void
  /** Hangs up. */
  close(): void
}

/** What the relay says that concerns coming back. */
interface Word extends Heard {
  readonly cause: string
  readonly token: string
  readonly seconds: number
  readonly received: number
  readonly recovered: boolean
  readonly sent: number
}

export function resuming({ connect, onEvent, onState }: TalkOptions): Talk {
  /** `gone`: own messages after `relay.resume.enable` that are not kept any more. `received`: events of the relay after `relay.resume.ready`. */
  const kept: string[] = []
  let [gone, received] = [0, 0]
  /** The relay's last event with a token. */
  let ticket: Word | undefined

  const line = createLine({
    connect: () => connect(ticket ? ['realtime', `relay-resume.${ticket.token}.${received}`] : ['realtime']),
    onEvent: (event, isLive) => heard(event as Word, isLive),
    awayMs: () => (ticket?.seconds ?? 0) * 1000,
    onAway: () => onState('away'),
    onOver: (code, reason) => onState('over', code, reason),
  })

  function heard(event: Word, isLive: boolean) {
    if (event.type === 'relay.resume.ready') ticket = event
    else if (event.type === 'relay.resumed' && event.cause === 'client') {
      ticket = event
      if (!event.recovered) received = event.sent
      goOn('back', event.received, event.recovered)
    } else {
      // What comes before the greeting says why there is none, and does not count.
      if (ticket && isLive) received++
      if (event.type === 'session.created') goOn('open', 0)
      onEvent(event)
      if (ticket && received % 100 === 0) send({ type: 'relay.ack', received })
    }
  }

  /** `read`: so many of its own messages need not be sent again. */
  function goOn(state: TalkState, read: number, recovered?: boolean) {
    kept.splice(0, read - gone)
    gone = read
    line.live()
    if (state === 'open') line.send(JSON.stringify({ type: 'relay.resume.enable', event_id: ENABLE_ID }))
    for (const text of kept) line.send(text)
    onState(state, recovered)
  }

  function send(event: object) {
    const text = JSON.stringify(event)
    if (kept.push(text) > MOST_KEPT) gone += kept.splice(0, 1).length
    line.send(text)
  }

  line.dial()
  return { send, doubt: line.doubt, close: () => line.over(1000) }
}
