// How a carrier's media socket gets in: refused over HTTP before the 101, or taken as a link of at most 64 KiB a frame.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket } from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RefusalError } from '../../core/protocol/errors.js'
import type { Link } from '../../ports/link.js'
import { acceptLink } from '../../wire/dial-accept.js'
import type { Connections } from '../connections.js'
import { sendRefusal } from '../refusal-reply.js'

/** No frame of a carrier is nearly as long. The server's own limit is that of clients, so whoever reads the link checks this again. */
export const MAX_MEDIA_FRAME_BYTES = 65_536

/** What every carrier's routes share with those of clients. */
export interface PhoneDoor {
  /**
   * Registers a path that carriers dial. `check` runs before the 101 and refuses by throwing a `RefusalError`; `open` gets the link and must set its callbacks at
   * once. From the 101 on the socket is bounded by nobody but the caller of this. `socket` is the same in both, and closes once.
   */
  media<T>(url: string, check: (request: FastifyRequest) => T | Promise<T>, open: (link: Link, passed: T, socket: Socket) => void): void
  /** Answers a carrier's request over HTTP with what the error means, logged and counted. */
  refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply
}

/** Adds a carrier's routes. */
export type PhoneRoutes = (app: FastifyInstance, door: PhoneDoor) => void

export interface DoorDeps {
  readonly connections: Connections
  readonly pingIntervalMs: number
  /** The refusal that an error means, logged and counted. */
  readonly refusalOf: (error: unknown, request: FastifyRequest) => RefusalError
}

export function createPhoneDoor(app: FastifyInstance, { connections, pingIntervalMs, refusalOf }: DoorDeps): PhoneDoor {
  const refuse: PhoneDoor['refuse'] = (error, request, reply) => sendRefusal(reply, refusalOf(error, request))
  return {
    refuse,
    media<T>(url: string, check: (request: FastifyRequest) => T | Promise<T>, open: (link: Link, passed: T, socket: Socket) => void): void {
      const passes = new WeakMap<IncomingMessage, { readonly passed: T; readonly response: ServerResponse }>()
      app.route({
        method: 'GET',
        url,
        exposeHeadRoute: false,
        onRequest: async (request, reply) => {
          if (request.ws) await decide(request, reply)
        },
        handler: (_request, reply) => sendRefusal(reply.header('upgrade', 'websocket'), new RefusalError('upgrade_required', 'no_upgrade')),
        wsHandler: take,
      })

      async function decide(request: FastifyRequest, reply: FastifyReply): Promise<void> {
        try {
          passes.set(request.raw, { passed: await check(request), response: reply.raw })
        } catch (error) {
          refuse(error, request, reply)
        }
      }

      /** Synchronous from the 101 until the callbacks are set, so a frame in the same packet is not lost. */
      function take(ws: WebSocket, request: FastifyRequest): void {
        const { socket } = request.raw
        const link = acceptLink(ws, socket, { pingIntervalMs, maxPayloadBytes: MAX_MEDIA_FRAME_BYTES })
        const pass = passes.get(request.raw)
        pass?.response.detachSocket(socket)
        connections.opened(socket)
        if (pass) open(link, pass.passed, socket)
        else link.close(1011, '')
      }
    },
  }
}
