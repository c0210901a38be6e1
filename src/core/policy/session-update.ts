// Builds the session the server wants, checks that the upstream runs it, and what of it a client may see.
import { arrayAt, isObject, type JsonObject, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { readPath, writePath } from '../protocol/paths.js'
import { serverTools } from './client-tools.js'
import type { SessionView } from './policy.js'
import type { SessionProfile } from './profile.js'
import { visibleValue } from './server-fields.js'
import { settableAt } from './settable.js'

/** The first event of every session: everything the server sets, whatever the client does. */
export function openingUpdate(profile: SessionProfile, eventId: string): RealtimeEvent {
  const session = { tool_choice: 'auto', ...structuredClone(profile.session), ...serverPart(profile) }
  return { type: 'session.update', event_id: eventId, session }
}

/**
 * The settings a client asks for, with the server's part put over them again. A field that the client may set is sent only if the client set
 * it: an upstream changes just the fields that are present, so earlier settings stay.
 */
export function sessionUpdate(profile: SessionProfile, requested: JsonObject, ids: JsonObject): RealtimeEvent {
  const toolChoice = profile.session.tool_choice ?? 'auto'
  const session: JsonObject = { ...requested, tool_choice: toolChoice, ...serverPart(profile) }
  nameTranscription(session, profile)
  return { type: 'session.update', ...ids, session }
}

/** Clients name OpenAI's models, Azure wants a deployment. If the server names one, a client that asks for transcription gets that one. */
function nameTranscription(session: JsonObject, profile: SessionProfile): void {
  const model = readPath(profile.session, `${TRANSCRIPTION}.model`)
  if (typeof model === 'string' && isObject(readPath(session, TRANSCRIPTION))) writePath(session, `${TRANSCRIPTION}.model`, model)
}

const TRANSCRIPTION = 'audio.input.transcription'

function serverPart(profile: SessionProfile): JsonObject {
  return { type: 'realtime', instructions: profile.instructions, tools: profile.tools.map((tool) => ({ ...tool.definition }) as JsonObject) }
}

/**
 * Whether a `session.updated` shows the server's instructions and tools in force. An upstream that drops a bad update keeps its own
 * defaults and says so only in an `error`, so nothing goes live on hope.
 */
export function serverPartInForce(session: JsonObject | undefined, profile: SessionProfile): boolean {
  if (!session) return false
  // Empty instructions mean none, and the upstream then reports its own default (source: recordings).
  const wanted = essence(profile.instructions)
  if (wanted !== '' && essence(stringAt(session, 'instructions') ?? '') !== wanted) return false
  const names = arrayAt(session, 'tools').map((tool) => (isObject(tool) ? (stringAt(tool, 'name') ?? '') : ''))
  // With tools of the client's own, updates may overlap: an earlier one shows fewer of them than are registered by now, or others.
  if (!profile.clientTools && names.length !== profile.tools.length) return false
  return serverTools(profile).every((tool) => names.includes(tool.definition.name))
}

/** A service may trim what it stores or change its line ends; that is the same text. */
function essence(text: string): string {
  return text.replaceAll('\r\n', '\n').trim()
}

/** Session fields a client may see as they are; the rest is the server's. */
const VISIBLE_PATHS = [
  'audio.input.format',
  'audio.input.noise_reduction',
  'audio.input.turn_detection',
  'audio.output.format',
  'audio.output.voice',
  'audio.output.speed',
] as const

/** What a client sees of the session: its own tools, its own settings, nothing of instructions, model, prompt or limits. */
export function visibleSession(session: JsonObject, view: SessionView): JsonObject {
  const visible: JsonObject = {}
  for (const key of ['type', 'object', 'id', 'output_modalities', 'expires_at']) {
    const value = Object.hasOwn(session, key) ? session[key] : undefined
    if (value !== undefined) visible[key] = visibleValue(value, key)
  }
  visible.model = view.requestedModel ?? 'realtime'
  visible.instructions = ''
  visible.tools = view.profile.tools.filter((tool) => tool.owner === 'client').map((tool) => ({ ...tool.definition }) as JsonObject)
  visible.tool_choice = 'auto'
  for (const path of VISIBLE_PATHS) {
    const value = readPath(session, path)
    if (value !== undefined) writePath(visible, path, visibleValue(value, path.slice(path.lastIndexOf('.') + 1)))
  }
  for (const path of view.profile.clientMaySet) {
    const value = readPath(session, path)
    const own = value === undefined ? undefined : settableAt(path)?.(value)
    if (own !== undefined && readPath(visible, path) === undefined) writePath(visible, path, own)
  }
  writePath(visible, TRANSCRIPTION, visibleTranscription(session, view.profile))
  return visible
}

/** What the client may set of it, but no model that the server names: that may be a deployment. */
function visibleTranscription(session: JsonObject, profile: SessionProfile): JsonObject | null {
  const inForce = readPath(session, TRANSCRIPTION)
  if (!isObject(inForce)) return null
  if (!profile.clientMaySet.has(TRANSCRIPTION)) return keep(inForce, 'language')
  const own = settableAt(TRANSCRIPTION)?.(inForce)
  const { model, ...rest } = isObject(own) ? own : {}
  return typeof readPath(profile.session, `${TRANSCRIPTION}.model`) === 'string' || model === undefined ? rest : { model, ...rest }
}

function keep(object: JsonObject, key: string): JsonObject {
  const value = object[key]
  return value === undefined || value === null ? {} : { [key]: value }
}
