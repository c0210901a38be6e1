// The simulator's model: decides from the conversation what to say and which tools to call. The same words always give the same answer.
import { createHash } from 'node:crypto'
import { isObject, type JsonObject, objectAt, stringAt } from '../core/protocol/events.js'
import { fillArguments } from './arguments.js'
import { type StoredItem, wordsOf } from './conversation.js'
import { DEFAULT_INSTRUCTIONS, type Tool } from './session-config.js'
import { clauses, keywords, names, nameWords } from './words.js'

/** `sound`: PCM16 at 24 kHz in place of a voice. */
export type Planned =
  | { readonly kind: 'message'; readonly text: string; readonly remark?: boolean; readonly sound?: Buffer }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: string }

export interface Situation {
  readonly instructions: string
  readonly tools: readonly Tool[]
  readonly toolChoice: string | JsonObject
  readonly parallel: boolean
  readonly preamble: boolean
  /** What the model sees, oldest first. */
  readonly items: readonly StoredItem[]
}

const MAX_CALLS = 8
const MAX_ECHO_CHARS = 300
const MAX_OUTPUT_CHARS = 1000
/** A word of a tool's name counts twice, a word of its description once. With a lower sum no tool is called. */
const NAME_WEIGHT = 2
const ENOUGH = 2
/** Asks the model for what it remembers of its own answer: of one that was truncated, what was heard. */
const REMEMBERS = /\bwhat (?:did you (?:just )?say|were you saying)\b/iu

/** Never empty. */
export function planAnswer(situation: Situation): readonly Planned[] {
  const { items, toolChoice } = situation
  const turn = items.findLastIndex((stored) => stored.item.role === 'user')
  const since = items.slice(turn + 1)
  const said = turn < 0 ? '' : wordsOf(items[turn] as StoredItem)
  const functions = situation.tools.filter((tool) => tool.type === 'function' && typeof tool.name === 'string')

  const forced = isObject(toolChoice) ? functions.find((tool) => tool.name === toolChoice.name) : undefined
  if (forced) return [call(forced, said)]
  if (toolChoice === 'required' && functions.length > 0) {
    const calls = chooseCalls(functions, said, situation.parallel)
    return calls.length > 0 ? calls : [call(functions[0] as Tool, said)]
  }

  const outputs = since.filter((stored) => stored.item.type === 'function_call_output')
  const waiting = since.some((stored) => stored.item.type === 'function_call')
  if (outputs.length > 0) return [{ kind: 'message', text: reportOutputs(outputs) }]
  if (waiting) return [{ kind: 'message', text: 'I am still waiting for that.' }]

  const chosen = toolChoice === 'none' ? [] : chooseCalls(functions, said, situation.parallel)
  if (chosen.length > 0) return situation.preamble ? [{ kind: 'message', text: 'Let me look that up.', remark: true }, ...chosen] : chosen
  return [{ kind: 'message', text: echo(said, situation.instructions, saidBefore(items.slice(0, Math.max(0, turn)))) }]
}

/** A short hash that shows which instructions are in force without quoting them. */
function fingerprint(instructions: string): string {
  return createHash('sha256').update(instructions).digest('hex').slice(0, 8)
}

function saidBefore(items: readonly StoredItem[]): string {
  const last = items.findLast((stored) => stored.item.role === 'assistant')
  return last ? wordsOf(last) : ''
}

function echo(said: string, instructions: string, before: string): string {
  const persona = instructions === DEFAULT_INSTRUCTIONS ? ' I have no instructions of my own.' : ''
  const asked = /\binstructions?\b/iu.test(said) && persona === '' ? ` My instructions have the fingerprint ${fingerprint(instructions)}.` : ''
  if (REMEMBERS.test(said)) return before === '' ? 'I have not said anything yet.' : `I said: ${before}`
  if (said === '') return `Hello! How can I help you?${persona}`
  const quote = said.length > MAX_ECHO_CHARS ? `${said.slice(0, MAX_ECHO_CHARS)}…` : said
  return `You said: ${/[.!?…]$/u.test(quote) ? quote : `${quote}.`}${asked}${persona}`
}

/** Reads out a flat JSON object as a model would: `{"city":"Oslo","degrees":3}` becomes `city Oslo, degrees 3`. */
function spoken(output: string): string {
  if (!output.startsWith('{')) return output
  try {
    const fields = Object.entries(JSON.parse(output) as object)
    return fields.every(([, value]) => typeof value !== 'object') ? fields.map(([key, value]) => `${key.replaceAll('_', ' ')} ${value}`).join(', ') : output
  } catch {
    return output
  }
}

/** Results without tool names: a model seldom names its tools to the user, and tests search for names that must not leak. */
function reportOutputs(outputs: readonly StoredItem[]): string {
  const parts = outputs.slice(-MAX_CALLS).map((stored) => {
    const output = spoken(String(stored.item.output ?? ''))
    return output.length > MAX_OUTPUT_CHARS ? `${output.slice(0, MAX_OUTPUT_CHARS)}…` : output
  })
  return `Here is what I found: ${parts.join('; ')}`
}

function chooseCalls(tools: readonly Tool[], said: string, parallel: boolean): Planned[] {
  const calls: Planned[] = []
  let last: Tool | undefined
  for (const clause of clauses(said)) {
    const matched = bestTool(tools, clause)
    // "the weather in Paris and Tokyo": a bare name asks the same tool about another thing.
    const tool = matched ?? (last && isBareName(clause) ? last : undefined)
    if (!tool) continue
    const next = call(tool, matched ? clause : `about ${clause}`)
    if (!calls.some((other) => JSON.stringify(other) === JSON.stringify(next))) calls.push(next)
    last = tool
    if (calls.length >= (parallel ? MAX_CALLS : 1)) break
  }
  return calls
}

function isBareName(clause: string): boolean {
  return clause.split(/\s+/u).length <= 4 && (names(`x ${clause}`)[0]?.length ?? 0) > 0
}

function bestTool(tools: readonly Tool[], clause: string): Tool | undefined {
  const words = new Set(keywords(clause))
  let best: { tool: Tool; score: number } | undefined
  for (const tool of tools) {
    const inName = new Set(nameWords(stringAt(tool, 'name') ?? ''))
    const inDescription = new Set(keywords(stringAt(tool, 'description') ?? ''))
    let score = 0
    for (const word of words) score += inName.has(word) ? NAME_WEIGHT : inDescription.has(word) ? 1 : 0
    if (score >= ENOUGH && score > (best?.score ?? 0)) best = { tool, score }
  }
  return best?.tool
}

function call(tool: Tool, clause: string): Planned {
  return { kind: 'call', name: String(tool.name), arguments: JSON.stringify(fillArguments(objectAt(tool, 'parameters'), clause)) }
}
