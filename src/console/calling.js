// A WebRTC call in place of a socket: sound goes past the relay, and events come over a WebSocket that follows the call. Behaves as `resuming` does.

/** Of a socket: lost, restarted, full, or given up by the page itself (4000). The call may go on without it. */
const LOST = [1001, 1006, 1012, 1013, 4000]
/** Close codes that say what an HTTP status says. The others are 4000 more than the status. */
const CODES = { 503: 1013 }
/** The relay does not know this call any more. */
const [UNKNOWN, BEGIN_ANEW] = [4404, 4410]
const MOST_AWAY_MS = 60_000
const MOST_KEPT = 1000

/**
 * `address()` has the relay's WebSocket address and a token. `connect(protocols, callId)` opens a socket that follows the call. `stream` is what the caller
 * says, `player` the element that plays the answer. Nothing is kept for a socket that is away, so `back` never comes with all that was missed.
 */
export function calling({ address, connect, stream, player, onEvent, onState }) {
  const kept = []
  let [pauseMs, backBy] = [0, 0]
  let socket, id, isLive, isOver, wasLive
  const { url, token } = address()
  const callsUrl = new URL(url.replace(/^ws/, 'http'))
  callsUrl.pathname = callsUrl.pathname.replace(/\/?$/, '/calls')
  const headers = { authorization: `Bearer ${token}` }
  const peer = new RTCPeerConnection()
  peer.ontrack = ({ track }) => {
    player.srcObject = new MediaStream([track])
    player.play().catch(() => undefined)
  }
  // A page that is cut off hears nothing more, whatever its socket does.
  peer.onconnectionstatechange = () => peer.connectionState === 'failed' && over(1006, '')
  place().catch(() => over(1006, ''))

  async function place() {
    // Only sound is offered: without a channel there is nothing else to send past the relay.
    for (const track of stream.getAudioTracks()) peer.addTrack(track, stream)
    await peer.setLocalDescription()
    const answer = await fetch(callsUrl, { method: 'POST', body: peer.localDescription.sdp, headers: { ...headers, 'content-type': 'application/sdp' } })
    if (answer.status !== 201) return over(CODES[answer.status] ?? 4000 + answer.status, await refusalIn(answer))
    id = answer.headers.get('location').split('/').at(-1)
    if (isOver) return hangUp()
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
    follow()
  }

  function follow() {
    if (isOver) return
    const mine = connect(['realtime'], id)
    socket = mine
    mine.onerror = () => undefined
    mine.onmessage = ({ data }) => socket === mine && heard(JSON.parse(data))
    mine.onclose = ({ code, reason }) => {
      if (socket !== mine || isOver) return
      if (isLive) backBy = Date.now() + MOST_AWAY_MS
      if (code === UNKNOWN) return over(BEGIN_ANEW, reason)
      if (!wasLive || !LOST.includes(code) || Date.now() > backBy) return over(code, reason)
      if (isLive) onState('away')
      isLive = false
      setTimeout(follow, pauseMs)
      pauseMs = Math.min(2 * pauseMs + 500, 8000)
    }
  }

  function heard(event) {
    if (event.type === 'session.created') {
      pauseMs = 0
      isLive = true
      for (const text of kept.splice(0)) socket.send(text)
      onState(wasLive ? 'back' : 'open', false)
      wasLive = true
    }
    onEvent(event)
  }

  /** Its socket may be away while the call goes on. */
  function send(event) {
    const text = JSON.stringify(event)
    if (isLive && socket.readyState === 1) socket.send(text)
    else if (kept.push(text) > MOST_KEPT) kept.shift()
  }

  function over(code, reason) {
    if (isOver) return
    isOver = true
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
    fetch(`${callsUrl.origin}${callsUrl.pathname}/${id}/hangup`, { method: 'POST', headers, keepalive: true })
      .catch(() => undefined)
      .finally(() => peer.close())
  }

  return { send, close: () => over(1000, '') }
}

/** The relay's own words, if it had any. */
async function refusalIn(answer) {
  const body = await answer.json().catch(() => undefined)
  return body?.error?.message ?? ''
}
