// The relay's own events, in both directions. Only clients whose token or profile says `relayEvents` send or receive any.
import type { Received, Sent } from './event-map.js'

export type RelayClientEvents = Sent<ClientRows>
export type RelayClientEvent = RelayClientEvents[keyof RelayClientEvents]
export type RelayServerEvents = Received<ServerRows>
export type RelayServerEvent = RelayServerEvents[keyof RelayServerEvents]
export type RelayEvents = RelayClientEvents & RelayServerEvents
export type RelayEvent = RelayClientEvent | RelayServerEvent

interface ClientRows {
  /** Once in a session: from `relay.resume.ready` on, the client may come back after it has lost its socket. */
  'relay.resume.enable': unknown
  /** How many messages the client has since `relay.resume.ready`: these need not be kept any longer. */
  'relay.ack': { received: number }
  /** A newer token of the same caller carries the session on. */
  'relay.token.refresh': { token: string }
  /** Answers `relay.tool.approval_request`, once, for that call and its arguments. */
  'relay.tool.approval': { id: string; approve: boolean }
  /** Answered by `relay.quota`. */
  'relay.quota.get': unknown
  /** Whether the session may be recorded. Answered by `relay.recording`. */
  'relay.recording.consent': { granted: boolean }
}

/** What is left of one rule of a quota. */
export interface QuotaLeft {
  of: 'responses' | 'tokens' | 'audio_minutes' | 'money'
  /** Of the clock, in UTC. */
  per: 'minute' | 'day' | 'month' | 'session'
  max: number
  used: number
  remaining: number
  /** Seconds since 1970; null: with the session. */
  resets_at: number | null
  /** Whether little is left, as the profile defines it. */
  low: boolean
}

/** The client is back at its session. This event is not counted. */
export interface ClientResumed {
  cause: 'client'
  /** True: `missed` messages follow, byte for byte. False: the items of the conversation follow instead. */
  recovered: boolean
  missed: number | null
  /** The client's count from here on, if not recovered. */
  sent: number
  /** How many of the client's messages were read: it sends those after them again. */
  received: number
  /** For the next return. */
  token: string
  /** How long the session waits for that. */
  seconds: number
}

/** A lost upstream was replaced. */
export interface UpstreamResumed {
  cause: 'upstream'
  /** Milliseconds without an upstream. */
  gap_ms: number
  /** What became of the answer that was under way. */
  cut: 'none' | 'again' | 'completed' | 'broken' | 'cancelled'
}

interface ServerRows {
  /** `token` is good for one return, `seconds` is how long the session waits for it. */
  'relay.resume.ready': { token: string; seconds: number }
  'relay.resumed': ClientResumed | UpstreamResumed
  /** This relay stops. `resume`: the session moves, so come back to it after the close with 1012; else it ends with its running answer. */
  'relay.draining': { resume?: boolean }

  /** The session ends at `expires_at`, in seconds since 1970, unless `relay.token.refresh` comes before. */
  'relay.token.expiring': { expires_at: number }
  'relay.token.refreshed': { expires_at: number }

  'relay.tool.started': { id: string; name: string }
  /** `ok` is false too for a call that was refused or never ran. */
  'relay.tool.finished': { id: string; name: string; ok: boolean; duration_ms: number }
  /** `arguments` is JSON text, exactly what will run. No answer in time means no. */
  'relay.tool.approval_request': { id: string; name: string; arguments: string }

  /** After each answer, and on request; empty if there is no quota. */
  'relay.quota': { quota: QuotaLeft[] }

  /** The relay has truncated the item at so many milliseconds of its sound: stop playing it. */
  'relay.interrupted': { item_id: string; heard_ms: number }
  /** A guard has blocked what the user said, what the model said, or what goes into a tool or comes out; `message` is the operator's. */
  'relay.blocked': { side: 'input' | 'output' | 'tool_arguments' | 'tool_output'; category: string; message: string }

  /** In a call by WebRTC: whether a refused event never reaches the model, or is undone afterwards. */
  'relay.session': { enforcement: 'prevents-control' | 'detects' }
  /** What is kept of the session; `remains`: what was kept before a withdrawal is still there. */
  'relay.recording': { state: 'waiting' | 'on' | 'stopped'; keeps: 'transcript' | 'audio'; remains: boolean }
}
