// Translates preview and Voice Live events to GA and back, with one translator per link.
import type { Dialect } from '../dialect.js'
import { isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../events.js'
import { type ErrorPaths, errorPaths, respellError } from './errors.js'
import { toGaShape, toPreviewShape } from './fields.js'
import { gapNames, LATE_TYPES } from './gaps.js'
import { itemToGa, itemToPreview, partToPreview, responseCreateToGa, responseCreateToPreview, responseToGa, responseToPreview } from './items.js'
import { gaName, previewName } from './names.js'
import { createItemOrder } from './order.js'
import { type Flavour, isLateSession, type Shapes, shapesOf } from './session.js'

const KINDS = { preview: kindOf('preview'), 'voice-live': kindOf('voice-live') } as const

interface Kind {
  readonly shapes: Shapes
  readonly paths: ErrorPaths
}

function kindOf(flavour: Flavour): Kind {
  const shapes = shapesOf(flavour)
  return { shapes, paths: errorPaths(shapes) }
}

const REFUSED_TYPES = gapNames('preview', 'event')

/** Serves both preview and Voice Live. `toGa` also accepts GA spelling, since real clients and Voice Live mix both. */
export function previewDialect(flavour: Flavour): Dialect {
  const kind = KINDS[flavour]
  const order = createItemOrder()
  let knowsLateTypes = flavour === 'voice-live'
  return {
    name: flavour,
    audioDeltaType: 'response.audio.delta',
    toGa(event) {
      if (REFUSED_TYPES.has(event.type)) return []
      if (event.type === 'session.update' && isLateSession(objectAt(event, 'session') ?? {})) knowsLateTypes = true
      return order.toGa(payloadToGa(event, kind))
    },
    fromGa(event) {
      const isTranscription = stringAt(objectAt(event, 'session'), 'type') === 'transcription'
      const type = flavour === 'voice-live' && event.type === 'conversation.item.done' ? event.type : previewName(event.type, isTranscription)
      if (type === undefined || (LATE_TYPES.has(type) && !knowsLateTypes)) return []
      const translated = payloadToPreview(event, kind)
      return translated ? [type === event.type ? translated : { ...translated, type }] : []
    },
  }
}

function payloadToGa(event: RealtimeEvent, { shapes, paths }: Kind): RealtimeEvent {
  const type = gaName(event.type)
  switch (event.type) {
    case 'session.update':
    case 'session.created':
    case 'session.updated':
      return withField(event, 'session', (session) => ({ type: 'realtime', ...toGaShape(session, shapes.session) }))
    case 'transcription_session.created':
    case 'transcription_session.updated':
      return { ...withField(event, 'session', (session) => ({ type: 'transcription', ...toGaShape(session, shapes.session) })), type }
    case 'response.create':
      return withField(event, 'response', (response) => responseCreateToGa(response, shapes))
    case 'response.created':
    case 'response.done':
      return withField(event, 'response', (response) => responseToGa(response, shapes))
    case 'conversation.item.create':
    case 'conversation.item.created':
    case 'conversation.item.added':
    case 'conversation.item.done':
    case 'conversation.item.retrieved':
    case 'response.output_item.added':
    case 'response.output_item.done':
      return withField(event, 'item', itemToGa)
    // The next two translate field names of the October 2024 preview.
    case 'response.text.done':
      return { ...renamed(event, 'value', 'text'), type }
    case 'conversation.item.truncate':
    case 'conversation.item.truncated':
      return renamed(event, 'index', 'content_index')
    case 'error':
      return respellError(event, paths, 'ga')
    default:
      return type === event.type ? event : { ...event, type }
  }
}

/** Translates the payload but not the type. Undefined if the event holds an item that preview does not have. */
function payloadToPreview(event: RealtimeEvent, { shapes, paths }: Kind): RealtimeEvent | undefined {
  switch (event.type) {
    case 'session.update':
    case 'session.created':
    case 'session.updated':
      return withField(event, 'session', (session) => toPreviewShape(session, shapes.session))
    case 'response.create':
      return withField(event, 'response', (response) => responseCreateToPreview(response, shapes))
    case 'response.created':
    case 'response.done':
      return withField(event, 'response', (response) => responseToPreview(response, shapes))
    case 'conversation.item.create':
    case 'conversation.item.created':
    case 'conversation.item.added':
    case 'conversation.item.done':
    case 'conversation.item.retrieved':
    case 'response.output_item.added':
    case 'response.output_item.done': {
      const item = objectAt(event, 'item')
      if (!item) return event
      const translated = itemToPreview(item, event.type !== 'conversation.item.create')
      return translated && { ...event, item: translated }
    }
    case 'response.content_part.added':
    case 'response.content_part.done':
      return withField(event, 'part', partToPreview)
    case 'error':
      return respellError(event, paths, 'preview')
    default:
      return event
  }
}

function withField(event: RealtimeEvent, key: 'session' | 'response' | 'item' | 'part', change: (value: JsonObject) => JsonObject): RealtimeEvent {
  const value = Object.hasOwn(event, key) ? event[key] : undefined
  return isObject(value) ? { ...event, [key]: change(value) } : event
}

function renamed(event: RealtimeEvent, from: string, to: string): RealtimeEvent {
  if (!Object.hasOwn(event, from) || Object.hasOwn(event, to)) return event
  const { [from]: value = null, ...rest } = event
  return { ...rest, type: event.type, [to]: value }
}
