// Follows a script through one session: which answer fits now, what its names stand for, and how often it was given.
import { isObject, type Json, type JsonObject, type RealtimeEvent } from '../core/protocol/events.js'
import type { Planned, Situation } from './answer.js'
import { type StoredItem, wordsOf } from './conversation.js'
import { filled, filledDeep, phraseOf } from './phrase.js'
import type { ScriptAnswer, ScriptStep } from './script.js'
import type { Script } from './script-file.js'

/** A step that is no item of the conversation. */
export type Effect = Exclude<ScriptStep, { say: string } | { audio: string } | { call: object }>
export type Step = Planned | { readonly kind: 'effect'; readonly effect: Effect }

export interface ScriptRun {
  /** The steps of a response, or undefined if no answer fits. `inConversation`: it counts as a turn. */
  plan(situation: Situation, inConversation: boolean): readonly Step[] | undefined
  /** What is to be done when the client's event comes. */
  onEvent(event: RealtimeEvent): readonly Effect[]
  /** The words of the next spoken turn. */
  nextHeard(): string | undefined
  /** Goes on to the words after those. */
  heard(): void
}

interface Moment {
  readonly said: string
  readonly result?: { readonly tool: string; readonly output: Json; readonly args: Json }
  readonly turn: number
}

/** `current` may change while the session runs; what was captured stays. */
export function followScript(current: () => Script | undefined): ScriptRun {
  let captured: JsonObject = {}
  let turns = 0
  let spoken = 0
  const given = new Map<ScriptAnswer, number>()

  const take = (answer: ScriptAnswer): boolean => {
    const times = given.get(answer) ?? 0
    if (times >= (answer.times ?? Number.POSITIVE_INFINITY)) return false
    given.set(answer, times + 1)
    return true
  }
  const scope = (script: Script, moment: Moment): JsonObject => ({
    ...script.variables,
    ...captured,
    ...{ said: moment.said, turn: moment.turn },
    ...(moment.result && { result: moment.result.output, args: moment.result.args }),
  })

  return {
    plan(situation, inConversation) {
      if (inConversation) turns++
      const script = current()
      const moment = momentOf(situation.items, turns)
      for (const answer of script?.answers ?? []) {
        if (answer.on?.event !== undefined) continue
        const names = fits(answer, moment)
        if (!script || !names || !take(answer)) continue
        captured = { ...captured, ...names }
        return answer.reply.map((step) => planned(step, script, scope(script, moment)))
      }
      return undefined
    },
    onEvent(event) {
      const script = current()
      const answer = script?.answers?.find((one) => one.on?.event === event.type && take(one))
      if (!script || !answer) return []
      return answer.reply.map((step) => filledDeep(step as Json, scope(script, { said: '', turn: turns })) as unknown as Effect)
    },
    nextHeard() {
      const words = current()?.hears ?? []
      return words[Math.min(spoken, words.length - 1)]
    },
    heard() {
      spoken++
    },
  }
}

function fits({ on = {} }: ScriptAnswer, moment: Moment): JsonObject | undefined {
  if (on.turn !== undefined && on.turn !== moment.turn) return undefined
  if (on.result !== undefined && !(moment.result && (on.result === '*' || on.result === moment.result.tool))) return undefined
  if (on.says === undefined) return {}
  // An answer to words does not answer the result of the call that it made.
  if (moment.result && on.result === undefined) return undefined
  for (const says of [on.says].flat()) {
    const names = phraseOf(says).match(moment.said)
    if (names) return names
  }
  return undefined
}

/** What the user said last, and the result that came after it. */
function momentOf(items: readonly StoredItem[], turn: number): Moment {
  const at = items.findLastIndex((stored) => stored.item.role === 'user')
  const said = at < 0 ? '' : wordsOf(items[at] as StoredItem)
  const after = items.slice(at + 1).map((stored) => stored.item)
  const last = after.findLastIndex((item) => item.type === 'function_call_output')
  const output = after[last]
  // A result that the model has answered already is no news.
  if (!output || after.slice(last).some((item) => item.role === 'assistant')) return { said, turn }
  const call = items.map((stored) => stored.item).find((item) => item.type === 'function_call' && item.call_id === output.call_id)
  return { said, turn, result: { tool: String(call?.name ?? ''), output: parsed(output.output), args: parsed(call?.arguments) } }
}

/** JSON if it is JSON, so that a script can name its fields; else the text. */
function parsed(value: Json | undefined): Json {
  if (typeof value !== 'string') return value ?? ''
  try {
    const json = JSON.parse(value) as Json
    return isObject(json) || Array.isArray(json) ? json : value
  } catch {
    return value
  }
}

function planned(step: ScriptStep, script: Script, scope: JsonObject): Step {
  if ('say' in step) return { kind: 'message', text: filled(step.say, scope) }
  if ('audio' in step) return { kind: 'message', text: filled(step.transcript ?? '', scope), sound: script.sounds.get(step.audio) ?? Buffer.alloc(0) }
  if ('call' in step) return { kind: 'call', name: filled(step.call.name, scope), arguments: JSON.stringify(filledDeep(step.call.arguments ?? {}, scope)) }
  return { kind: 'effect', effect: filledDeep(step as unknown as Json, scope) as unknown as Effect }
}
