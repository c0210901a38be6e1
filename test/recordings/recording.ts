// A recorded session as a script: which side sent which event in which order, and what a client may see of it if the server runs the tools.
import { readdirSync, readFileSync } from 'node:fs'
import type { SessionProfile, SessionTool, ToolDefinition, ToolOwner } from '../../src/core/policy/profile.js'
import type { JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { hasShared, sharedPath } from '../support/shared.js'

export interface RecordedLine {
  readonly from: 'client' | 'server'
  readonly event: RealtimeEvent
}

export interface Recording {
  readonly name: string
  readonly lines: readonly RecordedLine[]
}

/** Every recorded WebSocket session of a folder of `../shared/recordings`; none if the folder is absent. */
export function recordings(folder: string): readonly Recording[] {
  const path = `recordings/${folder}`
  if (!hasShared(path)) return []
  return readdirSync(sharedPath(path))
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => ({
      name: `${folder}/${name}`,
      lines: withOpening(
        readFileSync(sharedPath(`${path}/${name}`), 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as RecordedLine),
      ),
    }))
}

/** A sideband begins in the middle of a session. Every other recording begins with `session.created`. */
function withOpening(lines: readonly RecordedLine[]): readonly RecordedLine[] {
  if (lines.some((line) => line.event.type === 'session.created')) return lines
  const updated = lines.find((line) => line.event.type === 'session.updated')
  return [{ from: 'server', event: { ...updated?.event, type: 'session.created' } }, ...lines]
}

/** The profile of a server that wants the same session as the recorded client. `owner` runs the tools. */
export function profileOf(recording: Recording, owner: ToolOwner): Partial<SessionProfile> {
  const update = recording.lines.find((line) => line.event.type === 'session.update')?.event.session as JsonObject
  const { type: _type, instructions, tools, ...session } = update
  const owned = ((tools ?? []) as unknown as ToolDefinition[]).map((definition): SessionTool => ({ definition, owner }))
  return { instructions: instructions as string, tools: owned, session, clientMaySeedHistory: true }
}

/** What a client sees of the recording. A frame is the text that the upstream sent; a change is the event that replaces it. */
export type Seen = { readonly bytes: string } | { readonly event: RealtimeEvent }

/**
 * The rule for a client of a server that runs every tool itself: no event of a call, of its result or of the limits; no response that only
 * called tools; links that skip what is hidden; `response.created` right before the first thing of its response that is seen.
 */
export function seenWithServerTools(sent: readonly string[]): readonly Seen[] {
  const events = sent.map((text) => JSON.parse(text) as RealtimeEvent)
  const { hidden, previous } = hiddenItems(events)
  const silent = new Set(events.filter((event) => event.type === 'response.done' && outputOf(event).every((item) => hidden.has(String(item.id)))).map(responseId))
  const seen: Seen[] = []
  let created: { id: string; seen: Seen } | undefined
  for (const [index, event] of events.entries()) {
    const bytes = sent[index] ?? ''
    if (event.type === 'rate_limits.updated' || silent.has(responseId(event)) || hidden.has(itemId(event))) continue
    if (event.type === 'response.created') {
      created = { id: responseId(event), seen: { bytes } }
      continue
    }
    const opens = created && (responseId(event) === created.id || (event.type === 'conversation.item.added' && (event.item as JsonObject).role === 'assistant'))
    if (created && opens) {
      seen.push(created.seen)
      created = undefined
    }
    seen.push(visible(event, bytes, hidden, previous))
  }
  return seen
}

/** With tools of the client's own, or none, nothing is hidden but the limits. */
export function seenWithClientTools(sent: readonly string[]): readonly Seen[] {
  return sent.filter((text) => (JSON.parse(text) as RealtimeEvent).type !== 'rate_limits.updated').map((bytes) => ({ bytes }))
}

function visible(event: RealtimeEvent, bytes: string, hidden: ReadonlySet<string>, previous: ReadonlyMap<string, string | null>): Seen {
  let changed = event
  let link = event.previous_item_id as string | null | undefined
  while (typeof link === 'string' && hidden.has(link)) link = previous.get(link) ?? null
  if (link !== event.previous_item_id) changed = { ...changed, previous_item_id: link ?? null }
  const output = outputOf(event)
  const kept = output.filter((item) => !hidden.has(String(item.id)))
  if (kept.length < output.length) changed = { ...changed, response: { ...(event.response as JsonObject), output: kept } }
  return changed === event ? { bytes } : { event: changed }
}

function hiddenItems(events: readonly RealtimeEvent[]) {
  const hidden = new Set<string>()
  const previous = new Map<string, string | null>()
  for (const event of events) {
    const item = event.item as JsonObject | undefined
    if (!item) continue
    const id = String(item.id)
    if (item.type === 'function_call' || item.type === 'function_call_output') hidden.add(id)
    if (typeof event.previous_item_id === 'string' && !previous.has(id)) previous.set(id, event.previous_item_id)
  }
  return { hidden, previous }
}

function outputOf(event: RealtimeEvent): readonly JsonObject[] {
  const response = event.response as JsonObject | undefined
  return event.type === 'response.done' ? (response?.output as JsonObject[]) : []
}

function responseId(event: RealtimeEvent): string {
  return String((event.response as JsonObject | undefined)?.id ?? event.response_id ?? 'none')
}

function itemId(event: RealtimeEvent): string {
  return String((event.item as JsonObject | undefined)?.id ?? event.item_id ?? 'none')
}
