// A WebRTC call in place of a socket: sound goes past the relay, and events come over a WebSocket that follows the call. Behaves as `resuming` does.
import { type Heard, LOST, type Socket, type Talk, type TalkOptions } from './resuming.js'

/** Close codes that say what an HTTP status says. The others are 4000 more than the status. */
const CODES: Readonly<Record<number, number>> = { 503: 1013 }
/** The relay does not know this call any more. */
const [UNKNOWN, BEGIN_ANEW] = [4404, 4410]
const MOST_AWAY_MS = 60_000
const MOST_KEPT = 1000
/** For placing the call: the relay dials too. */
const PLACE_MS = 30_000

export interface CallOptions extends Omit<TalkOptions, 'connect'> {
  /** Of the relay, as for a WebSocket. */
  readonly url: string
  readonly token: () => Promise<string>
  /** Opens a socket that follows the call. */
  readonly connect: (protocols: string[], callId: string) => Promise<Socket>
  /** What the caller says. */
  readonly stream: MediaStream
  /** Plays the answer. */
  readonly player: HTMLAudioElement
}

/** Nothing is kept for a socket that is away, so `back` never comes with all that was missed. */
export function calling({ url, token, connect, stream, player, onEvent, onState }: CallOptions): Talk {
  const kept: string[] = []
  let [pauseMs, backBy, attempt] = [0, 0, 0]
  let [isLive, isOver, wasLive] = [false, false, false]
  let socket: Socket | undefined
  let id: string | undefined
  let pause: ReturnType<typeof setTimeout> | undefined
  let headers = {}
  const calls = new URL(url.replace(/^ws/, 'http'))
  calls.pathname = calls.pathname.replace(/\/?$/, '/calls')
  const peer = new RTCPeerConnection()
  peer.ontrack = ({ track }) => {
    player.srcObject = new MediaStream([track])
    player.play().catch(() => undefined)
  }
  // A page that is cut off hears nothing more, whatever its socket does.
  peer.onconnectionstatechange = () => peer.connectionState === 'failed' && over(1006)
  place().catch(() => over(1006))

  async function place() {
    headers = { authorization: `Bearer ${await token()}` }
    // Only sound is offered: without a channel there is nothing else to send past the relay.
    for (const track of stream.getAudioTracks()) peer.addTrack(track, stream)
    await peer.setLocalDescription()
    const offer = { method: 'POST', body: peer.localDescription?.sdp ?? '', headers: { ...headers, 'content-type': 'application/sdp' }, signal: AbortSignal.timeout(PLACE_MS) }
    const answer = await fetch(calls, offer)
    if (answer.status !== 201) return over(CODES[answer.status] ?? 4000 + answer.status, await refusalIn(answer))
    id = answer.headers.get('location')?.split('/').at(-1)
    if (isOver) return hangUp()
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
    follow()
  }

  async function follow() {
    const mine = ++attempt
    pause = undefined
    const lose = ({ code, reason }: { code: number; reason?: string }) => mine === attempt && lost(code, reason)
    try {
      const dialled = await connect(['realtime'], id ?? '')
      Object.assign(dialled, { onerror: () => undefined, onclose: lose, onmessage: ({ data }: { data: string }) => mine === attempt && heard(JSON.parse(data)) })
      if (mine === attempt) socket = dialled
      else dialled.close(4000)
    } catch {
      lose({ code: 1006 })
    }
  }

  function lost(code: number, reason?: string) {
    attempt++
    if (isLive) backBy = Date.now() + MOST_AWAY_MS
    if (code === UNKNOWN) return over(BEGIN_ANEW, reason)
    if (!wasLive || !LOST.includes(code) || Date.now() > backBy) return over(code, reason)
    if (isLive) onState('away')
    isLive = false
    pause = setTimeout(follow, pauseMs)
    pauseMs = Math.min(2 * pauseMs + 500, 8000)
  }

  function heard(event: Heard) {
    if (event.type === 'session.created') {
      pauseMs = 0
      isLive = true
      for (const text of kept.splice(0)) socket?.send(text)
      onState(wasLive ? 'back' : 'open', false)
      wasLive = true
    }
    onEvent(event)
  }

  /** Its socket may be away while the call goes on. */
  function send(event: object) {
    const text = JSON.stringify(event)
    if (isLive && socket?.readyState === 1) socket.send(text)
    else if (kept.push(text) > MOST_KEPT) kept.shift()
  }

  function over(code: number, reason?: string) {
    if (isOver) return
    isOver = true
    attempt++
    clearTimeout(pause)
    player.srcObject = null
    for (const sender of peer.getSenders()) sender.replaceTrack(null)
    socket?.close(1000)
    // With any other code the relay has ended the call.
    if (id !== undefined && (!wasLive || code === 1000 || LOST.includes(code))) hangUp()
    else peer.close()
    onState('over', code, reason)
  }

  /** Before the connection is closed: that would end the call first, and then there is none to hang up. */
  function hangUp() {
    fetch(`${calls.origin}${calls.pathname}/${id}/hangup`, { method: 'POST', headers, keepalive: true })
      .catch(() => undefined)
      .finally(() => peer.close())
  }

  function doubt() {
    const old = socket
    if (isLive) {
      lost(4000)
      old?.close(4000)
    } else if (pause) {
      clearTimeout(pause)
      follow()
    }
  }

  return { send, doubt, close: () => over(1000) }
}

/** The relay's own words, if it had any. */
async function refusalIn(answer: Response): Promise<string> {
  const body = await answer.json().catch(() => undefined)
  return body?.error?.message ?? ''
}
