// Joins a sideband's socket, which is up, with the call that it is of.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { createLink, type LinkHooks } from '../link.js'
import type { LiveSession } from '../session.js'
import type { CallLink } from './call-link.js'

export interface JoinedCall {
  readonly session: LiveSession
  readonly link: CallLink
  readonly hooks: LinkHooks
}

export interface SidebandSocket {
  readonly socket: WebSocket
  readonly tcp: Socket
  readonly stream: Duplex
}

/** `call` undefined: it ended while the socket was upgraded. */
export function joinSideband(call: JoinedCall | undefined, { socket, tcp, stream }: SidebandSocket): void {
  if (!call) return socket.close(1000)
  const { hooks, link, session } = call
  const sideband = createLink({ socket, tcp, stream, delay: hooks.delay, frozen: hooks.frozen, ended: () => link.remove(sideband) })
  link.add(sideband)
  socket.on('message', (data, isBinary) => {
    if (!sideband.over) link.asking(sideband, () => session.receive(isBinary ? '' : String(data), isBinary))
  })
}
