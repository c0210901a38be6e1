// The ledger of calls: which are to run, run, or are answered; each call id counts once.

export interface ServerCall {
  readonly callId: string
  readonly responseId: string
  readonly name: string
  readonly arguments: string
  readonly status: 'waiting' | 'asking' | 'running' | 'answered'
  /** The tool runs; that of a background call also after the call was answered. */
  readonly atWork: boolean
  /** When the tool began. */
  readonly startedAt: number
  /** Epoch milliseconds when the client was asked to approve the call. */
  readonly askedAt: number
  readonly approved: boolean
  /** Under which a client that asked for the relay's events knows the call; undefined: it was told nothing. */
  readonly publicId: string | undefined
  /** Item id of our `function_call_output`, once sent. */
  readonly outputItemId: string | undefined
  /** The upstream has the output in the conversation. */
  readonly acknowledged: boolean
}

export interface ClientCall {
  readonly callId: string
  readonly responseId: string
  /** The client has not answered it. */
  readonly open: boolean
}

export interface ToolCalls {
  readonly server: ReadonlyMap<string, ServerCall>
  /** The client's own, oldest first. A list is copied faster than a map. */
  readonly client: readonly ClientCall[]
}

export const noCalls: ToolCalls = { server: new Map(), client: [] }

const NONE: readonly ServerCall[] = []

/** Answered calls remembered so that a repeated id is not run again. */
const MAX_REMEMBERED = 512
/** Calls of the client's own that are remembered: an answer to an older one is refused, and its item is shown by the tool's name. */
const MAX_CLIENT_CALLS = 128

export function addServerCall(calls: ToolCalls, call: Pick<ServerCall, 'callId' | 'responseId' | 'name' | 'arguments'>): ToolCalls {
  if (calls.server.has(call.callId)) return calls
  const server = new Map(calls.server)
  if (server.size >= MAX_REMEMBERED) {
    for (const [id, old] of server) {
      if (old.status === 'answered' && !old.atWork) {
        server.delete(id)
        break
      }
    }
  }
  server.set(call.callId, {
    ...call,
    status: 'waiting',
    atWork: false,
    startedAt: 0,
    askedAt: 0,
    approved: false,
    publicId: undefined,
    outputItemId: undefined,
    acknowledged: false,
  })
  return { ...calls, server }
}

export function changeServerCall(calls: ToolCalls, callId: string, change: Partial<ServerCall>): ToolCalls {
  const call = calls.server.get(callId)
  return call ? { ...calls, server: new Map(calls.server).set(callId, { ...call, ...change }) } : calls
}

export function acknowledgeOutput(calls: ToolCalls, itemId: string): ToolCalls {
  if (calls.server.size === 0) return calls
  for (const call of calls.server.values()) {
    if (call.outputItemId === itemId && !call.acknowledged) return changeServerCall(calls, call.callId, { acknowledged: true })
  }
  return calls
}

/** A call of a response that was cancelled before the call ran is not run; nothing is owed for it. */
export function forgetWaiting(calls: ToolCalls, responseId: string): ToolCalls {
  if (calls.server.size === 0) return calls
  const server = new Map([...calls.server].filter(([, call]) => !(call.responseId === responseId && (call.status === 'waiting' || call.status === 'asking'))))
  return server.size === calls.server.size ? calls : { ...calls, server }
}

/** The call to start now so that at most `maxConcurrent` tools are at work or asked about: the oldest that waits. */
export function nextToStart(calls: ToolCalls, maxConcurrent: number): ServerCall | undefined {
  if (calls.server.size === 0) return undefined
  const all = [...calls.server.values()]
  return all.filter((call) => call.atWork || call.status === 'asking').length < maxConcurrent ? all.find((call) => call.status === 'waiting') : undefined
}

/** A result that belongs to no call any more, since its call was answered when the tool began: it wants to be seen and spoken about like one. */
export function addLateResult(calls: ToolCalls, name: string, itemId: string): ToolCalls {
  const added = addServerCall(calls, { callId: itemId, responseId: itemId, name, arguments: '' })
  return changeServerCall(added, itemId, { status: 'answered', outputItemId: itemId })
}

export function callsOf(calls: ToolCalls, responseId: string): readonly ServerCall[] {
  if (calls.server.size === 0) return NONE
  return [...calls.server.values()].filter((call) => call.responseId === responseId)
}

/** The earliest time at which a call was asked about and is not answered, epoch milliseconds. */
export function firstAskedAt(calls: ToolCalls): number {
  let first = Number.POSITIVE_INFINITY
  if (calls.server.size === 0) return first
  for (const call of calls.server.values()) if (call.status === 'asking') first = Math.min(first, call.askedAt)
  return first
}

/** Also true while a background tool is at work. */
export function hasUnanswered(calls: ToolCalls): boolean {
  if (calls.server.size === 0) return false
  for (const call of calls.server.values()) if (call.status !== 'answered' || call.atWork) return true
  return false
}

export function addClientCall(calls: ToolCalls, callId: string, responseId: string): ToolCalls {
  if (clientCall(calls, callId)) return calls
  const client = [...calls.client, { callId, responseId, open: true }]
  // One that is answered, or else the oldest.
  if (client.length > MAX_CLIENT_CALLS) client.splice(Math.max(0, placeOfAnswered(client)), 1)
  return { server: calls.server, client }
}

function placeOfAnswered(client: readonly ClientCall[]): number {
  for (let at = 0; at < client.length; at++) if (client[at]?.open === false) return at
  return -1
}

/** From the end: nearly always it is one of the last. */
export function clientCall({ client }: ToolCalls, callId: string): ClientCall | undefined {
  for (let at = client.length - 1; at >= 0; at--) if (client[at]?.callId === callId) return client[at]
  return undefined
}

export function answerClientCall(calls: ToolCalls, callId: string): ToolCalls {
  const call = clientCall(calls, callId)
  if (!call?.open) return calls
  const client = calls.client.with(calls.client.lastIndexOf(call), { callId, responseId: call.responseId, open: false })
  return { server: calls.server, client }
}

export function hasClientCalls({ client }: ToolCalls, responseId: string): boolean {
  for (let at = client.length - 1; at >= 0; at--) if (client[at]?.responseId === responseId) return true
  return false
}

export function hasOpenClientCalls({ client }: ToolCalls, responseId: string): boolean {
  for (let at = client.length - 1; at >= 0; at--) {
    const call = client[at]
    if (call?.open && call.responseId === responseId) return true
  }
  return false
}
