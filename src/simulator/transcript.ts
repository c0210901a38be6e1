// Makes a script of what passed in a real session: who said what, which calls were made, and what answered them. No header, key or address is looked at.
import type { DialectName } from '../core/protocol/dialect.js'
import { dialectFor } from '../core/protocol/dialects.js'
import { arrayAt, isObject, type Json, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import type { ScriptAnswer, ScriptCondition, ScriptDocument, ScriptStep } from './script.js'

export interface Transcript {
  passed(from: 'client' | 'server', event: RealtimeEvent): void
  document(): ScriptDocument
}

interface UserTurn {
  spoken: boolean
  text: string
}

interface Reply {
  readonly turn: UserTurn | undefined
  /** The tool whose result came right before. */
  readonly result: string | undefined
  readonly number: number
  readonly steps: readonly ScriptStep[]
}

export function createTranscript(dialect: DialectName): Transcript {
  const spelling = dialectFor(dialect)
  const turns = new Map<string, UserTurn>()
  const tools = new Map<string, string>()
  const replies: Reply[] = []
  const asked = new Map<string, Omit<Reply, 'steps'>>()
  let last: UserTurn | undefined
  let result: string | undefined
  let number = 0

  const see = (event: RealtimeEvent) => {
    const item = objectAt(event, 'item')
    if (item && (event.type === 'conversation.item.added' || event.type === 'conversation.item.created')) seeItem(item)
    const turn = turns.get(stringAt(event, 'item_id') ?? '')
    if (turn && event.type === 'conversation.item.input_audio_transcription.completed') turn.text = stringAt(event, 'transcript') ?? ''
    const response = objectAt(event, 'response')
    // An answer outside the conversation is nobody's turn.
    if (!response || response.conversation_id === null) return
    const id = stringAt(response, 'id') ?? ''
    if (event.type === 'response.created') {
      asked.set(id, { turn: last, result, number: ++number })
      result = undefined
    }
    if (event.type === 'response.done') {
      replies.push({ ...(asked.get(id) ?? { turn: last, result: undefined, number: ++number }), steps: stepsOf(response) })
      asked.delete(id)
    }
  }
  const seeItem = (item: JsonObject) => {
    if (item.type === 'function_call') tools.set(stringAt(item, 'call_id') ?? '', stringAt(item, 'name') ?? '')
    if (item.type === 'function_call_output') result = tools.get(stringAt(item, 'call_id') ?? '')
    if (item.role !== 'user') return
    const parts = arrayAt(item, 'content').filter(isObject)
    const id = stringAt(item, 'id') ?? ''
    if (turns.has(id)) return
    last = { spoken: parts.some((part) => part.type === 'input_audio'), text: parts.map((part) => stringAt(part, 'text') ?? stringAt(part, 'transcript') ?? '').join(' ') }
    turns.set(id, last)
    result = undefined
  }

  return {
    passed(from, event) {
      if (from === 'server') for (const ga of spelling.toGa(event)) see(ga)
    },
    document() {
      const hears = [...turns.values()].filter((turn) => turn.spoken).map((turn) => turn.text)
      return { ...(hears.length > 0 && { hears }), answers: replies.map(({ steps, ...when }) => ({ on: conditionOf(when), reply: steps })) }
    },
  }
}

/** Of several sessions one script: if one condition has several answers, each but the last is given once. */
export function joined(documents: readonly ScriptDocument[]): ScriptDocument {
  const hears = documents.flatMap((document) => document.hears ?? [])
  const answers = documents.flatMap((document) => document.answers ?? [])
  const keys = answers.map((answer) => JSON.stringify(answer.on))
  return {
    ...(hears.length > 0 && { hears }),
    answers: answers.map(({ on, reply }, index): ScriptAnswer => ({ ...(on && { on }), ...(keys.indexOf(keys[index] ?? '', index + 1) >= 0 && { times: 1 }), reply })),
  }
}

function conditionOf({ turn, result, number }: Omit<Reply, 'steps'>): ScriptCondition {
  if (result !== undefined && result !== '') return { result }
  const text = turn?.text.trim() ?? ''
  return text === '' ? { turn: number } : { says: exactly(text) }
}

/** Words that a phrase would read otherwise become a pattern. */
function exactly(text: string): string {
  return /[{}]|^\//.test(text) ? `/^${text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$/` : text
}

function stepsOf(response: JsonObject): ScriptStep[] {
  const steps = arrayAt(response, 'output').filter(isObject).flatMap(stepsOfItem)
  const error = objectAt(objectAt(response, 'status_details'), 'error')
  if (response.status === 'failed') steps.push({ fail: stringAt(error, 'code') ?? stringAt(error, 'type') ?? 'server_error' })
  return steps
}

function stepsOfItem(item: JsonObject): ScriptStep[] {
  if (item.type === 'function_call') return [{ call: { name: stringAt(item, 'name') ?? '', arguments: argumentsOf(item.arguments) } }]
  const said = arrayAt(item, 'content')
    .filter(isObject)
    .map((part) => stringAt(part, 'transcript') ?? stringAt(part, 'text') ?? '')
    .join('')
  return item.type === 'message' && said !== '' ? [{ say: said }] : []
}

function argumentsOf(value: Json | undefined): JsonObject {
  try {
    const json: unknown = JSON.parse(typeof value === 'string' ? value : '{}')
    return isObject(json) ? json : {}
  } catch {
    return {}
  }
}
