// A WebRTC call in place of a socket: sound goes past the relay, and events come over a WebSocket that follows the call. Behaves as `resuming` does.
import { createLine, isLost, type Socket, type TalkOptions } from './line.js'
import type { Talk } from './resuming.js'

/** The relay does not know this call any more. */
const [UNKNOWN, BEGIN_ANEW] = [4404, 4410]
const MOST_AWAY_MS = 60_000
/** For placing the call: the relay dials too. */
const PLACE_MS = 30_000

export interface CallOptions extends Omit<TalkOptions, 'connect'> {
  /** Of the relay, as for a WebSocket. */
  readonly url: string
  readonly token: () => Promise<string>
  /** The last token: there is no time to ask for one when a page is left. */
  readonly bearer: () => string
  /** Opens a socket that follows the call. */
  readonly connect: (protocols: string[], callId: string) => Promise<Socket>
  /** What the caller says. */
  readonly stream: MediaStream
  /** Plays the answer. */
  readonly player: HTMLAudioElement
  /** Has it play, or tells that the browser lets nothing sound. */
  readonly wake: () => void
}

/** Nothing is kept for a socket that is away, so `back` never comes with all that was missed. */
export function calling({ url, token, bearer, connect, stream, player, wake, onEvent, onState }: CallOptions): Talk {
  let [isOver, wasLive] = [false, false]
  let id = ''
  const post = (path: string, request: RequestInit) =>
    fetch(url.replace(/^ws([^?]*?)\/?(\?.*)?$/, `http$1/calls${path}$2`), {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer()}`, 'content-type': 'application/sdp' },
      ...request,
    })
  const peer = new RTCPeerConnection()
  peer.ontrack = ({ track }) => {
    player.srcObject = new MediaStream([track])
    wake()
  }
  // A page that is cut off hears nothing more, whatever its socket does.
  peer.onconnectionstatechange = () => peer.connectionState === 'failed' && line.over(1006)

  const line = createLine({
    connect: () => connect(['realtime'], id),
    onEvent(event) {
      if (event.type === 'session.created') {
        line.live()
        onState(wasLive ? 'back' : 'open')
        wasLive = true
      }
      onEvent(event)
    },
    awayMs: () => (wasLive ? MOST_AWAY_MS : 0),
    onAway: () => onState('away'),
    onOver(code, reason) {
      isOver = true
      player.srcObject = null
      // With any other code the relay has ended the call.
      if (id && (!wasLive || code === 1000 || isLost(code))) hangUp()
      else peer.close()
      onState('over', code === UNKNOWN && wasLive ? BEGIN_ANEW : code, reason)
    },
  })

  async function place() {
    await token()
    // Only sound is offered: without a channel there is nothing else to send past the relay.
    for (const track of stream.getAudioTracks()) peer.addTrack(track, stream)
    await peer.setLocalDescription()
    const { sdp: body } = peer.localDescription as RTCSessionDescription
    const answer = await post('', { body, signal: AbortSignal.timeout(PLACE_MS) })
    const { status } = answer
    if (status !== 201) {
      // A refusal's body has the shape of an `error` event.
      onEvent({ type: 'error', ...(await answer.json()) })
      return line.over(status === 503 ? 1013 : 4000 + status)
    }
    id = answer.headers.get('location')?.split('/').at(-1) ?? ''
    if (isOver) return hangUp()
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
    line.dial()
  }

  /** Before the connection is closed: that would end the call first, and then there is none to hang up. */
  function hangUp() {
    post(`/${id}/hangup`, { keepalive: true })
      .catch(() => undefined)
      .finally(() => peer.close())
  }

  place().catch((reason) => line.over(1006, reason))
  return { send: (event) => line.send(JSON.stringify(event)), doubt: line.doubt, close: () => line.over(1000) }
}
