// Handles each checked client event. A returned problem becomes the `error` event that answers it.
import { arrayAt, isObject, type Json, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import type { ClientEventType } from './client-events.js'
import type { StoredItem } from './conversation.js'
import { activeResponse, CANCEL_NOT_ACTIVE, commitEmpty, NOT_MODEL_AUDIO, noSuchItem } from './error-events.js'
import { decodeG711 } from './g711.js'
import { BYTES_PER_MS } from './input-audio.js'
import { shownItem, storedItem } from './items.js'
import { announceMcpTools } from './mcp-tools.js'
import type { ResponseSettings } from './response-view.js'
import { applyUpdate, duplicateToolName, modalitiesProblem, type SessionConfig, type Tool, toolChoiceProblem, updateProblem } from './session-config.js'
import type { Session } from './session-state.js'
import { wordsUntil } from './speech-tones.js'
import { announce, beginResponse, cancelResponse, commitTurn, hearSound, sessionSettings } from './turns.js'
import { type Problem, problem } from './validate.js'

const MIN_COMMIT_MS = 100
const MAX_ASIDE = 16

type Handler = (session: Session, event: RealtimeEvent) => Problem | undefined

const updateSession: Handler = (session, event) => {
  const faults = session.faults()
  if (faults.rejectSessionUpdate) return problem('unknown_parameter', 'session.type', "Unknown parameter: 'session.type'.")
  const update = objectAt(event, 'session') ?? {}
  const bad = updateProblem(session.config, update, session.hasSpoken)
  if (bad) return bad
  session.config = applyUpdate(session.config, update, session.traits)
  session.send('session.updated', { session: session.config })
  announceMcpTools(session, arrayAt(update, 'tools') as readonly Tool[])
  if (faults.end?.at === 'update') session.endByFault(faults.end)
  return undefined
}

const appendAudio: Handler = (session, event) => {
  const text = stringAt(event, 'audio') ?? ''
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    return problem('invalid_value', 'audio', "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz, or G.711 at 8kHz).")
  const bytes = Buffer.from(text, 'base64')
  const { type } = session.config.audio.input.format
  const pcm = type === 'audio/pcm' ? bytes : decodeG711(bytes, type === 'audio/pcmu' ? 'ulaw' : 'alaw')
  return hearSound(session, pcm) ? undefined : problem('input_audio_buffer_full', null, 'The input audio buffer is full. Commit or clear it.')
}

const commitAudio: Handler = (session) => {
  const ms = session.input.bufferedMs
  if (ms < MIN_COMMIT_MS) return commitEmpty(ms)
  if (session.conversation.full) return tooManyItems()
  commitTurn(session, session.input.take(), session.speechItemId ?? session.newId('item'))
  return undefined
}

const clearAudio: Handler = (session) => {
  session.input.clear()
  session.speechItemId = undefined
  session.captions?.stop()
  session.captions = undefined
  session.send('input_audio_buffer.cleared', {})
  return undefined
}

/** Only a call has sound to cut; its response goes on unless it is cancelled. */
const clearOutput: Handler = (session) => {
  session.speaker?.clear()
  return undefined
}

const createItem: Handler = (session, event) => {
  const { conversation } = session
  if (conversation.full) return tooManyItems()
  const made = storedItem(objectAt(event, 'item') ?? {}, conversation, session.newId)
  if (!made.ok) return made.problem
  const wanted = event.previous_item_id
  const after = typeof wanted === 'string' ? wanted : undefined
  if (after !== undefined && after !== 'root' && !conversation.find(after))
    return problem('item_create_invalid_previous_item_id', 'previous_item_id', `Error adding item: the previous item with id '${after}' does not exist.`)
  const previous = conversation.insert(made.stored, after === 'root' ? null : after)
  if (made.audio) conversation.keepAudio(made.stored, made.audio)
  announce(session, made.stored, previous)
  return undefined
}

const retrieveItem: Handler = (session, event) => {
  const stored = session.conversation.find(stringAt(event, 'item_id') ?? '')
  if (!stored) return noSuchItem('retrieve', stringAt(event, 'item_id') ?? '')
  session.send('conversation.item.retrieved', { item: shownItem(stored) })
  return undefined
}

const deleteItem: Handler = (session, event) => {
  const id = stringAt(event, 'item_id') ?? ''
  if (!session.conversation.remove(id)) return noSuchItem('delete', id)
  session.send('conversation.item.deleted', { item_id: id })
  return undefined
}

const truncateItem: Handler = (session, event) => {
  const id = stringAt(event, 'item_id') ?? ''
  const stored = session.conversation.find(id)
  if (!stored) return noSuchItem('truncate', id)
  const part = arrayAt(stored.item, 'content')[Number(event.content_index)]
  const isSpoken = stored.item.role === 'assistant' && isObject(part) && part.type === 'output_audio'
  if (!isSpoken && stored.saying === undefined) return NOT_MODEL_AUDIO
  const wantedMs = Number(event.audio_end_ms)
  const hasMs = Math.floor(stored.saying?.() ?? stored.audioMs ?? 0)
  if (wantedMs > hasMs) return problem('invalid_value', 'audio_end_ms', `Audio content of ${hasMs}ms is already shorter than ${wantedMs}ms`)
  if (isObject(part)) part.transcript = ''
  stored.audioMs = wantedMs
  stored.truncated = true
  // The model knows the sound that is left, though nobody is told its words any more.
  if (stored.words) stored.heard = wordsUntil(stored.words, wantedMs)
  if (stored.audio) session.conversation.keepAudio(stored, stored.audio.subarray(0, wantedMs * BYTES_PER_MS))
  session.send('conversation.item.truncated', { item_id: id, content_index: event.content_index ?? 0, audio_end_ms: wantedMs })
  return undefined
}

const createResponse: Handler = (session, event) => {
  if (session.config.type === 'transcription') return problem('invalid_value', 'type', 'A transcription session makes no responses.')
  const wish = objectAt(event, 'response') ?? {}
  const aside = wish.conversation === 'none'
  if (!aside && session.active) return activeResponse(session.active.id)
  if (aside && session.aside.size >= MAX_ASIDE) return problem('too_many_responses', null, `At most ${MAX_ASIDE} out-of-band responses may run at once.`)
  const settings = overridden(session, wish, aside)
  if ('code' in settings) return settings
  if (!aside && session.conversation.full) return tooManyItems()
  beginResponse(session, settings)
  return undefined
}

/** The session's settings, overridden by the response's own, or the problem with those. */
function overridden(session: Session, wish: JsonObject, aside: boolean): ResponseSettings | Problem {
  const base = sessionSettings(session)
  const wanted = wish as unknown as Partial<SessionConfig>
  const bad = modalitiesProblem(wanted.output_modalities, 'response.output_modalities')
  if (bad) return bad
  const duplicate = duplicateToolName(wanted.tools)
  if (duplicate !== undefined) return problem('invalid_value', 'response.tools', `Invalid value: duplicate tool name '${duplicate}'.`)
  const tools = wanted.tools ?? base.tools
  const badChoice = toolChoiceProblem(wanted.tool_choice, tools, 'response.tool_choice')
  if (badChoice) return badChoice
  const items = wish.input === undefined ? base.items : inputItems(session, arrayAt(wish, 'input'))
  if (!Array.isArray(items)) return items as Problem
  const output: Partial<NonNullable<SessionConfig['audio']['output']>> = wanted.audio?.output ?? {}
  return {
    ...base,
    conversationId: aside ? null : base.conversationId,
    modality: wanted.output_modalities ? (wanted.output_modalities[0] === 'text' ? 'text' : 'audio') : base.modality,
    instructions: wanted.instructions ?? base.instructions,
    tools,
    toolChoice: wanted.tool_choice ?? base.toolChoice,
    parallel: wanted.parallel_tool_calls ?? base.parallel,
    maxTokens: wanted.max_output_tokens ?? base.maxTokens,
    format: output.format ?? base.format,
    voice: output.voice ?? base.voice,
    reasoning: wanted.reasoning ?? base.reasoning,
    metadata: wish.metadata ?? null,
    items,
  }
}

function inputItems(session: Session, input: readonly Json[]): readonly StoredItem[] | Problem {
  const items: StoredItem[] = []
  for (const [index, wanted] of input.entries()) {
    const item = wanted as JsonObject
    if (item.type === 'item_reference') {
      const stored = session.conversation.find(stringAt(item, 'id') ?? '')
      if (!stored) return problem('invalid_value', `response.input[${index}].id`, `Item with id '${stringAt(item, 'id') ?? ''}' not found.`)
      items.push(stored)
      continue
    }
    const made = storedItem(item, undefined, session.newId)
    if (!made.ok) return made.problem
    items.push(made.stored)
  }
  return items
}

const stopResponse: Handler = (session, event) => (cancelResponse(session, stringAt(event, 'response_id')) ? undefined : CANCEL_NOT_ACTIVE)

function tooManyItems(): Problem {
  return problem('conversation_too_long', null, 'The conversation has too many items. Delete some.')
}

export const HANDLERS: Readonly<Record<ClientEventType, Handler>> = {
  'session.update': updateSession,
  'input_audio_buffer.append': appendAudio,
  'input_audio_buffer.commit': commitAudio,
  'input_audio_buffer.clear': clearAudio,
  'conversation.item.create': createItem,
  'conversation.item.retrieve': retrieveItem,
  'conversation.item.delete': deleteItem,
  'conversation.item.truncate': truncateItem,
  'response.create': createResponse,
  'response.cancel': stopResponse,
  'output_audio_buffer.clear': clearOutput,
}
