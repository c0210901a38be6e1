// The load generator, a process of its own: opens sessions through a target, then sends and counts audio on command.
import { setTimeout as sleep } from 'node:timers/promises'
import { helloFrame, nowMicros } from './audio-frames.js'
import { dialCredits } from './credits.js'
import { type Inbox, Inboxes } from './inbox.js'
import { dial, type Upgraded } from './load-client.js'
import { channelOf } from './outbox.js'
import { obey } from './rpc.js'
import { type TrafficCommands, trafficOf } from './traffic.js'
import { CLOSE, encodeFrame, PING, PONG } from './wire.js'

export interface Opening {
  readonly port: number
  readonly path: string
  /** One per session; sessions are numbered from 0. */
  readonly tokens: readonly string[]
  readonly deflate: boolean
  /** Parallel dials, and milliseconds between two dials of each. */
  readonly workers: number
  readonly pauseMs: number
  /** For each session to see `session.created`. */
  readonly timeoutMs: number
}

export interface LoadCommands extends TrafficCommands {
  connect(options: { readonly creditPort: number }): Promise<void>
  /** Resolves once every session has seen `session.created`, to the milliseconds from each dial. Rejects if one fails. */
  open(opening: Opening): Promise<{ createdMs: number[]; deflateAccepted: number }>
  /** Stops or restarts reading all sessions. */
  reading(options: { readonly on: boolean }): void
  /** Closes every session and waits, up to two seconds, for the sockets to end. */
  close(options: Record<string, never>): Promise<void>
}

interface Session {
  readonly upgraded: Upgraded
  created: () => void
  closing: boolean
}
const sessions = new Map<Inbox, Session>()

const inboxes = new Inboxes('down', {
  onHello: () => inboxes.problem('audio on a connection without a session'),
  onEvent: (inbox, event) => {
    if (event.type === 'session.created') sessions.get(inbox)?.created()
    if (event.type === 'response.output_item.done') answerCall(inbox, event.item)
    if (event.type === 'error') inboxes.problem(`error event: ${JSON.stringify(event.error).slice(0, 200)}`)
  },
  onControl: (inbox, opcode, payload) => {
    const session = sessions.get(inbox)
    if (opcode === PING) session?.upgraded.socket.write(encodeFrame(payload, true, PONG))
    if (opcode === CLOSE) {
      if (session && !session.closing) inboxes.problem(`closed: ${payload.length > 1 ? payload.readUInt16BE(0) : 'no code'} ${payload.subarray(2).toString()}`)
      session?.upgraded.socket.end(encodeFrame(payload, true, CLOSE))
    }
  },
})
const traffic = trafficOf('up', inboxes)

/** As an app with a tool of its own does. */
function answerCall(inbox: Inbox, item: unknown): void {
  const { type, call_id } = (item ?? {}) as { readonly type?: string; readonly call_id?: string }
  if (type !== 'function_call') return
  const output = { type: 'conversation.item.create', item: { type: 'function_call_output', call_id, output: '{"open":true}' } }
  sessions.get(inbox)?.upgraded.socket.write(encodeFrame(Buffer.from(JSON.stringify(output)), true))
}

async function openOne(opening: Opening, number: number): Promise<{ createdMs: number; deflateAccepted: boolean }> {
  const upgraded = await dial({ ...opening, token: opening.tokens[number]! })
  const { socket } = upgraded
  const inbox = inboxes.add()
  inbox.session = number
  const created = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no session.created in time')), opening.timeoutMs)
    socket.once('close', () => {
      clearTimeout(timer)
      reject(new Error('closed before session.created'))
    })
    const session: Session = {
      upgraded,
      closing: false,
      created: () => {
        clearTimeout(timer)
        resolve()
      },
    }
    sessions.set(inbox, session)
  })
  traffic.channels.set(number, channelOf(number, socket))
  socket.on('data', (chunk: Buffer) => {
    inbox.reader.feed(chunk)
    traffic.afterRead(number, inboxes.counted(inbox))
  })
  socket.on('close', () => {
    if (!sessions.get(inbox)?.closing) inboxes.problem('a connection ended by itself')
    sessions.delete(inbox)
    inboxes.remove(inbox)
    if (traffic.channels.get(number)?.socket === socket) traffic.channels.delete(number)
  })
  if (upgraded.head.length > 0) inbox.reader.feed(upgraded.head)
  await created
  const createdMs = (nowMicros() - upgraded.startedMicros) / 1000
  socket.write(helloFrame(number))
  return { createdMs, deflateAccepted: upgraded.deflateAccepted }
}

async function open(opening: Opening): Promise<{ createdMs: number[]; deflateAccepted: number }> {
  const createdMs: number[] = []
  let deflateAccepted = 0
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < opening.tokens.length) {
      const opened = await openOne(opening, next++)
      createdMs.push(opened.createdMs)
      if (opened.deflateAccepted) deflateAccepted++
      if (opening.pauseMs > 0) await sleep(opening.pauseMs)
    }
  }
  await Promise.all(Array.from({ length: opening.workers }, worker))
  return { createdMs, deflateAccepted }
}

async function closeAll(): Promise<void> {
  const ends = [...sessions.values()].map((session) => {
    session.closing = true
    const { socket } = session.upgraded
    const ended = new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
      setTimeout(() => {
        socket.destroy()
        resolve()
      }, 2000).unref()
    })
    socket.write(encodeFrame(Buffer.from([0x03, 0xe8]), true, CLOSE))
    return ended
  })
  await Promise.all(ends)
}

obey<LoadCommands>({
  ...traffic.commands,
  connect: async ({ creditPort }) => {
    traffic.useCredits(await dialCredits(creditPort, traffic.acknowledge))
  },
  open,
  reading: ({ on }) => {
    for (const { upgraded } of sessions.values()) {
      if (on) upgraded.socket.resume()
      else upgraded.socket.pause()
    }
  },
  close: closeAll,
})
