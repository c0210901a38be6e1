// A connection that comes back to its session when its socket is lost. Runs in pages and, with a `WebSocket` such as that of `ws`, in Node.

/** Of its own messages it keeps so many: what the relay has not read is sent again. */
const MOST_KEPT = 1000
/** Lost, restarted, full, or given up by the app itself (4000). With any other code the relay has ended the session. */
export const LOST: readonly number[] = [1001, 1006, 1012, 1013, 4000]
/** An `error` about this event comes from a relay that lets nobody come back. */
export const ENABLE_ID = 'resume'

/** A `WebSocket` of a browser or of `ws`. */
export interface Socket {
  readonly readyState: number
  send(text: string): void
  close(code?: number): void
}

export interface TalkOptions {
  /** Opens a socket that offers these subprotocols. If it throws, the dial has failed. */
  readonly connect: (protocols: string[]) => Socket | Promise<Socket>
  /** Gets every event once, in order. */
  readonly onEvent: (event: Heard) => void
  /** `open`, `away`, `back` (true: with all that was missed; else the items come again), `over` with the close code and its reason. */
  readonly onState: (state: TalkState, detail?: boolean | number, reason?: string) => void
}

export type TalkState = 'open' | 'away' | 'back' | 'over'

/** An event of the relay; what it has besides depends on its type. */
export interface Heard {
  readonly type: string
}

export interface Talk {
  /** What is sent while there is no session goes out when there is. */
  send(event: object): void
  /** The socket may be dead without knowing, since the network is another one: it is given up for the next, now. */
  doubt(): void
  /** Hangs up. */
  close(): void
}

interface Greeting extends Heard {
  readonly cause?: string
  readonly token: string
  readonly seconds: number
  readonly received: number
  readonly recovered?: boolean
  readonly sent: number
}

export function resuming({ connect, onEvent, onState }: TalkOptions): Talk {
  /** `gone`: own messages after `relay.resume.enable` that are not kept any more. `received`: events of the relay after `relay.resume.ready`. */
  const kept: string[] = []
  let [gone, received, pauseMs, backBy, attempt] = [0, 0, 0, 0, 0]
  /** `ticket`: the relay's last event with a token. `isLive`: both sides know where they stand, so that what is sent goes out at once. */
  let [isLive, isOver] = [false, false]
  let socket: Socket | undefined
  let ticket: Greeting | undefined
  let pause: ReturnType<typeof setTimeout> | undefined

  async function dial() {
    const mine = ++attempt
    pause = undefined
    const lose = ({ code, reason }: { code: number; reason?: string }) => mine === attempt && lost(code, reason)
    try {
      const dialled = await connect(ticket ? ['realtime', `relay-resume.${ticket.token}.${received}`] : ['realtime'])
      Object.assign(dialled, { onerror: () => undefined, onclose: lose, onmessage: ({ data }: { data: string }) => mine === attempt && heard(JSON.parse(data)) })
      if (mine === attempt) socket = dialled
      else dialled.close(isOver ? 1000 : 4000)
    } catch {
      lose({ code: 1006 })
    }
  }

  function lost(code: number, reason?: string) {
    attempt++
    if (ticket && isLive) backBy = Date.now() + ticket.seconds * 1000
    if (!ticket || !LOST.includes(code) || Date.now() > backBy) return over(code, reason)
    if (isLive) onState('away')
    isLive = false
    // After a relay's end not all of its clients should come at once.
    pause = setTimeout(dial, pauseMs * (0.5 + Math.random() / 2))
    pauseMs = Math.min(2 * pauseMs + 500, 8000)
  }

  function heard(event: Greeting) {
    if (event.type === 'relay.resume.ready') ticket = event
    else if (event.type === 'relay.resumed' && event.cause === 'client') {
      ticket = event
      if (!event.recovered) received = event.sent
      goOn('back', event.received, event.recovered)
    } else {
      // What comes before the greeting says why there is none, and does not count.
      if (ticket && isLive) received++
      if (event.type === 'session.created') {
        socket?.send(JSON.stringify({ type: 'relay.resume.enable', event_id: ENABLE_ID }))
        goOn('open', 0)
      }
      onEvent(event)
      if (ticket && received % 100 === 0) send({ type: 'relay.ack', received })
    }
  }

  /** `read`: so many of its own messages need not be sent again. */
  function goOn(state: TalkState, read: number, recovered?: boolean) {
    kept.splice(0, read - gone)
    gone = read
    pauseMs = 0
    isLive = true
    for (const text of kept) socket?.send(text)
    onState(state, recovered)
  }

  function send(event: object) {
    const text = JSON.stringify(event)
    kept.push(text)
    if (isLive && socket?.readyState === 1) socket.send(text)
    if (kept.length > MOST_KEPT) gone += kept.splice(0, 1).length
  }

  function over(code: number, reason?: string) {
    if (isOver) return
    isOver = true
    attempt++
    clearTimeout(pause)
    socket?.close(1000)
    onState('over', code, reason)
  }

  function doubt() {
    const old = socket
    if (ticket && isLive) {
      lost(4000)
      old?.close(4000)
    } else if (pause) {
      clearTimeout(pause)
      dial()
    }
  }

  dial()
  return { send, doubt, close: () => over(1000) }
}
