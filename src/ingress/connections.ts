// Connections that are no session yet: bounded in time from the first byte of TCP on, in number, and in number by address.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { addressGroup, normalAddress } from './address.js'

export type DropReason = 'time' | 'address_full' | 'full'

export interface ConnectionLimits {
  /** Milliseconds from TCP to the end of the first request's head, TLS included. An upgrade has what is left of them. */
  readonly handshakeMs: number
  readonly max: number
  /** Of one address; an IPv6 /64 is one. */
  readonly maxOfAddress: number
  /** Everybody may come from this address, so `maxOfAddress` does not hold for it. */
  readonly isShared: (address: string | undefined) => boolean
  /** Ends a connection that speaks HTTP and was too slow. */
  readonly tooLate: (socket: Socket) => void
  readonly onDropped: (why: DropReason) => void
}

export interface Connections {
  /** Milliseconds that an upgrade on this socket may still take. */
  msLeft(socket: Socket): number
  /** The connection is a session now, which has bounds of its own. */
  opened(socket: Socket): void
}

interface Pending {
  /** With TLS not the socket that speaks HTTP. */
  readonly tcp: Socket
  readonly group: Group | undefined
  readonly since: number
  readonly timer: NodeJS.Timeout
  readonly forget: () => void
  readonly answered: () => void
  /** Still open, and no session. */
  isKnown: boolean
  http: Socket | undefined
  /** Requests whose head has come. */
  requests: number
  /** Requests that are not answered yet. */
  working: number
}

interface Group {
  size: number
  /** Of these nobody would miss one: the longest idle first. */
  readonly idle: Set<Pending>
}

/**
 * Watches all connections of the server. At a bound the connection that has been idle for longest gives way: one whose request is not complete, or one
 * between two requests. So half a request keeps nobody out, and neither do a thousand. Only if every one is being answered the new one is dropped.
 */
export function watchConnections(server: Server, limits: ConnectionLimits): Connections {
  const idle = new Set<Pending>()
  const groups = new Map<string, Group>()
  const isTls = 'setSecureContext' in server
  /** With TLS: by the peer's address and port, which both sockets of a connection have. */
  const byPeer = new Map<string, Pending>()
  let known = 0
  const bySocket = new WeakMap<Socket, Pending>()

  function accept(tcp: Socket): void {
    const address = normalAddress(tcp.remoteAddress ?? '')
    if (address === undefined) return
    const name = limits.isShared(address) ? undefined : addressGroup(address)
    const group = name === undefined ? undefined : groups.get(name)
    const roomOfAddress = !group || group.size < limits.maxOfAddress || giveWay(group.idle, 'address_full')
    if (!roomOfAddress || (known >= limits.max && !giveWay(idle, 'full'))) {
      limits.onDropped(roomOfAddress ? 'full' : 'address_full')
      tcp.destroy()
      return
    }
    add(tcp, name)
  }

  function add(tcp: Socket, name: string | undefined): void {
    const group = name === undefined ? undefined : (groups.get(name) ?? { size: 0, idle: new Set() })
    const peer = isTls ? peerOf(tcp) : ''
    const pending: Pending = {
      tcp,
      group,
      since: performance.now(),
      timer: setTimeout(() => expire(pending), limits.handshakeMs),
      answered() {
        if (--pending.working === 0 && pending.isKnown) setIdle(pending, true)
      },
      isKnown: true,
      http: undefined,
      requests: 0,
      working: 0,
      forget() {
        clearTimeout(pending.timer)
        tcp.removeListener('close', pending.forget)
        if (!pending.isKnown) return
        pending.isKnown = false
        known--
        if (isTls) byPeer.delete(peer)
        setIdle(pending, false)
        if (group && --group.size === 0 && name !== undefined) groups.delete(name)
      },
    }
    known++
    if (isTls) {
      byPeer.get(peer)?.forget()
      byPeer.set(peer, pending)
    } else speaksHttp(tcp, pending)
    if (group && name !== undefined) {
      group.size++
      groups.set(name, group)
    }
    setIdle(pending, true)
    tcp.once('close', pending.forget)
  }

  function giveWay(candidates: Set<Pending>, why: DropReason): boolean {
    const [longest] = candidates
    if (!longest) return false
    longest.forget()
    longest.tcp.destroy()
    limits.onDropped(why)
    return true
  }

  function expire({ http, tcp }: Pending): void {
    limits.onDropped('time')
    if (http) limits.tooLate(http)
    else tcp.destroy()
  }

  function setIdle(pending: Pending, isIdle: boolean): void {
    for (const set of [idle, pending.group?.idle]) {
      set?.delete(pending)
      if (isIdle) set?.add(pending)
    }
  }

  function speaksHttp(socket: Socket, pending: Pending): void {
    pending.http = socket
    bySocket.set(socket, pending)
  }

  function begin(socket: Socket): Pending | undefined {
    const pending = bySocket.get(socket)
    if (!pending) return undefined
    clearTimeout(pending.timer)
    pending.requests++
    pending.working++
    setIdle(pending, false)
    return pending
  }

  server.on('connection', accept)
  server.on('secureConnection', (socket: Socket) => {
    const pending = byPeer.get(peerOf(socket))
    if (pending) speaksHttp(socket, pending)
  })
  // Before those who answer, since an upgrade asks at once how much time is left.
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const pending = begin(socket)
    if (!pending) return
    response.once('close', pending.answered)
  })
  server.prependListener('upgrade', ({ socket }: IncomingMessage) => {
    const pending = begin(socket)
    // A refused one has only to hear the answer.
    if (pending) socket.once('finish', pending.answered)
  })

  return {
    msLeft(socket) {
      const pending = bySocket.get(socket)
      // The head of a later request has a time limit of its own, of the HTTP server.
      return pending?.requests === 1 ? Math.max(0, limits.handshakeMs - (performance.now() - pending.since)) : limits.handshakeMs
    },
    opened(socket) {
      const pending = bySocket.get(socket)
      if (!pending) return
      pending.forget()
      socket.removeListener('finish', pending.answered)
      bySocket.delete(socket)
    },
  }
}

function peerOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
