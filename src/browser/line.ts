// One socket after another for one session: what comes from one that was given up counts no more, and each try to come back waits longer.

/** Lost, restarted, full, or given up by the app itself (4000). With any other code the relay has ended the session. */
const LOST: readonly number[] = [1001, 1006, 1012, 1013, 4000]
/** For the first word of a relay, which dials the model before. */
const DIAL_MS = 30_000

export const isLost = (code: number): boolean => LOST.includes(code)

/** A `WebSocket` of a browser or of `ws`. */
export interface Socket {
  readonly readyState: number
  send(text: string): void
  close(code?: number): void
}

/** An event of the relay; what it has besides depends on its type. */
export interface Heard {
  readonly type: string
}

export type TalkState = 'open' | 'away' | 'back' | 'over'

export interface TalkOptions {
  /** Opens a socket that offers these subprotocols. If it throws, the dial has failed. */
  readonly connect: (protocols: string[]) => Socket | Promise<Socket>
  /** Gets every event once, in order. */
  readonly onEvent: (event: Heard) => void
  /** `open`, `away`, `back` (true: with all that was missed; else the items come again), `over` with the close code, and its reason or what `connect` threw. */
  readonly onState: (state: TalkState, detail?: boolean | number, reason?: unknown) => void
}

export interface LineOptions {
  readonly connect: () => Socket | Promise<Socket>
  /** `isLive`: both sides knew where they stand. */
  readonly onEvent: (event: Heard, isLive: boolean) => void
  /** How long the session waits; none: it ends with its socket. */
  readonly awayMs: () => number
  readonly onAway: () => void
  /** Once. */
  readonly onOver: (code: number, reason?: unknown) => void
}

export interface Line {
  dial(): void
  /** What is sent goes out at once. */
  live(): void
  /** Nothing, unless it is live. */
  send(text: string): void
  /** The socket may be dead without knowing: it is given up for the next, now, if the session waits. */
  doubt(): void
  over(code: number, reason?: unknown): void
}

/** If `connect` throws, that is a socket lost with 1006. */
export function createLine({ connect, onEvent, awayMs, onAway, onOver }: LineOptions): Line {
  let [attempt, pauseMs, backBy] = [0, 0, 0]
  let [isLive, isOver, waits] = [false, false, false]
  let socket: Socket | undefined
  /** Of the next dial, if it waits; else of the first word. */
  let timer: ReturnType<typeof setTimeout> | undefined

  async function dial() {
    // Who hears of `away` may have closed.
    if (isOver) return
    const mine = ++attempt
    waits = false
    clearTimeout(timer)
    const onclose = ({ code, reason }: { code: number; reason?: unknown }) => mine === attempt && lost(code, reason)
    timer = setTimeout(onclose, DIAL_MS, { code: 1006 })
    try {
      const dialled = await connect()
      const onmessage = ({ data }: { data: string }) => {
        if (mine !== attempt) return
        clearTimeout(timer)
        onEvent(JSON.parse(data), isLive)
      }
      if (mine === attempt) socket = Object.assign(dialled, { onmessage, onclose, onerror: () => undefined })
      else dialled.close(4000)
    } catch (reason) {
      onclose({ code: 1006, reason })
    }
  }

  function leave(code: number) {
    attempt++
    clearTimeout(timer)
    socket?.close(code)
    socket = undefined
  }

  function lost(code: number, reason?: unknown) {
    const away = awayMs()
    if (isLive) backBy = Date.now() + away
    if (!away || !isLost(code) || Date.now() > backBy) return over(code, reason)
    leave(4000)
    if (isLive) onAway()
    isLive = false
    waits = true
    const pause = pauseMs
    pauseMs = Math.min(2 * pause + 500, 8000)
    // After a relay's end not all of its clients should come at once.
    if (pause > 0) timer = setTimeout(dial, pause * (0.5 + Math.random() / 2))
    else dial()
  }

  function over(code: number, reason?: unknown) {
    if (isOver) return
    isOver = true
    leave(1000)
    onOver(code, reason)
  }

  return {
    dial,
    live() {
      isLive = true
      pauseMs = 0
    },
    send(text) {
      if (isLive && socket?.readyState === 1) socket.send(text)
    },
    doubt() {
      if (waits) dial()
      else if (isLive && awayMs()) lost(4000)
    },
    over,
  }
}
