// Follows the words of answers on their way to the client: what is asked about them, where each event stands, and what may go.
import { arrayAt, isObject, type Json, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import type { GatePlace } from '../actions.js'
import { note, type Step } from '../state.js'
import { ask, changeGuards, guardsOf } from './ask.js'
import { type Dropped, type Group, type GuardsState, holds, type Words } from './state.js'
import { nextWindow } from './windows.js'

/** Responses whose words are followed at once: beyond that the oldest is dropped. */
const MOST_FOLLOWED = 8
const MOST_DROPPED = 32
/** Characters of an answer that are kept once they were asked about. */
const MOST_SEEN = 32_768
const ALL = Number.MAX_SAFE_INTEGER
const GROUPS: readonly Group[] = ['wait', 'cut', 'observe']
const UNASKED = { at: 0, asked: false }

/** What becomes of an event of an answer. */
export type Way =
  | { readonly type: 'send'; readonly gate: GatePlace | undefined; readonly follows: string | undefined }
  /** Without the words, but in its place. */
  | { readonly type: 'replace'; readonly event: RealtimeEvent; readonly gate: GatePlace | undefined }
  | { readonly type: 'drop' }

const FREE: Way = { type: 'send', gate: undefined, follows: undefined }
const DROP: Way = { type: 'drop' }

/** Of an event as the client would see it. */
export function wayOf(step: Step, event: RealtimeEvent): Way {
  const { guards } = step.state
  const item = objectAt(event, 'item')
  const itemId = stringAt(event, 'item_id') ?? stringAt(item, 'id')
  const named = stringAt(event, 'response_id') ?? stringAt(objectAt(event, 'response'), 'id')
  if (!guards || event.type === 'conversation.item.deleted' || event.type === 'conversation.item.truncated') return FREE
  const isOf = (one: { readonly responseId: string; readonly items: readonly string[] }) =>
    named === undefined ? itemId !== undefined && one.items.includes(itemId) : one.responseId === named
  const dropped = guards.dropped.find(isOf)
  if (dropped) return wayOfDropped(step, dropped, event, itemId)
  const known = guards.words.find(isOf)
  const { active } = step.state.responses
  const isModels = item !== undefined && (item.role === 'assistant' || item.type === 'function_call')
  const responseId = known?.responseId ?? named ?? (isModels && event.type !== 'conversation.item.retrieved' ? active?.id : undefined)
  if (responseId === undefined || (named === undefined && !known && responseId !== active?.id)) return FREE
  return follow(step, known ?? begin(step, responseId), event, itemId)
}

function begin(step: Step, responseId: string): Words {
  const words: Words = { responseId, items: [], mark: 0, seen: '', flushTo: 0, over: false, cleared: 0, told: 0, streams: { wait: UNASKED, cut: UNASKED, observe: UNASKED } }
  const { guards } = step.state
  const all = [...(guards?.words ?? []), words]
  changeGuards(step, { words: all })
  const oldest = all[0]
  if (all.length > MOST_FOLLOWED && oldest) dropWords(step, oldest.responseId)
  return words
}

function follow(step: Step, words: Words, event: RealtimeEvent, itemId: string | undefined): Way {
  const isSound = event.type === 'response.output_audio.delta'
  const isDelta = event.type.endsWith('.delta')
  const texts = isSound ? [] : textsOf(event)
  const isOver = event.type === 'response.done'
  // Whole texts repeat what the deltas have said.
  const news = isDelta ? texts : texts.filter((text) => !words.seen.includes(text))
  const seen = news.length === 0 ? words.seen : `${words.seen}${isDelta && words.items.at(-1) === itemId ? '' : words.seen === '' ? '' : '\n'}${news.join('\n')}`
  const mark = news.length === 0 ? words.mark : words.mark + 1
  const items = itemId === undefined || words.items.includes(itemId) ? words.items : [...words.items, itemId]
  const all = isOver ? itemsOf(event, items) : items
  const flushTo = !isDelta && texts.length > 0 ? seen.length : isOver ? seen.length : words.flushTo
  if (isOver && isUnwanted(event) && holds(step.state) && words.told < mark) {
    // Nobody waits for the rest, so that nothing of it has to be cleared.
    dropWords(step, words.responseId, { items: all, over: true })
    return replaced(step, words.responseId, withoutWords(event))
  }
  // It had no words, so that nobody can say what its sound was, if it had any.
  const isMute = isOver && mark === 0 && holds(step.state) && guardsOf(step, 'output', 'wait').length > 0
  if (isMute && noteMute(step, event)) {
    dropWords(step, words.responseId, { items: all, over: true })
    return replaced(step, words.responseId, withoutWords(event))
  }
  changeWords(step, { ...words, seen, mark, items: all, flushTo, over: isOver, cleared: isMute ? ALL : words.cleared })
  const gate = holds(step.state) ? { responseId: words.responseId, mark: isSound ? Math.max(1, mark) : texts.length > 0 || isOver ? mark : 0 } : undefined
  return { type: 'send', gate, follows: words.responseId }
}

/** Of an answer whose end has come without a word. True: its sound, if there was any, does not go. */
function noteMute(step: Step, event: RealtimeEvent): boolean {
  const guards = guardsOf(step, 'output', 'wait')
  const said = arrayAt(objectAt(event, 'response'), 'output').some((item) => isObject(item) && item.type === 'message')
  if (said) for (const { name } of guards) note(step, { type: 'guard_failed', guard: name, why: 'no_transcript' })
  return guards.some(({ whenUnsure }) => whenUnsure === 'block')
}

/** After the event was sent: asks about what has come, and lets go what may. */
export function followOn(step: Step, responseId: string): void {
  letGo(step, responseId)
  for (const group of GROUPS) askOn(step, responseId, group)
}

function askOn(step: Step, responseId: string, group: Group): void {
  const words = wordsOf(step, responseId)
  if (!words || words.streams[group].asked || guardsOf(step, 'output', group).length === 0) return
  const window = nextWindow(words.seen, words.streams[group].at, words.flushTo)
  if (!window) return
  // Of a text that is longer than one question, only the last part clears the piece.
  const mark = window.to === words.seen.length ? words.mark : words.cleared
  changeWords(step, withStream(words, group, { at: words.streams[group].at, asked: true }))
  ask(step, 'output', group, { type: 'words', responseId, mark, to: window.to }, window.text)
}

/** A group has let a window pass. */
export function windowPassed(step: Step, responseId: string, group: Group, mark: number, to: number): void {
  const words = wordsOf(step, responseId)
  if (!words) return
  const passed = withStream(words, group, { at: to, asked: false })
  changeWords(step, group === 'wait' ? { ...passed, cleared: Math.max(passed.cleared, mark) } : passed)
  followOn(step, responseId)
}

/** What the user said waits for its own verdict: so does the answer to it. */
export function letGo(step: Step, responseId: string): void {
  const words = wordsOf(step, responseId)
  const { guards } = step.state
  if (!words || !guards) return
  const isHeld = guards.turns.some((turn) => turn.responseId === responseId && turn.open.includes('wait'))
  const cleared = guardsOf(step, 'output', 'wait').length === 0 ? ALL : words.cleared
  if (holds(step.state) && !isHeld && cleared > words.told) {
    step.actions.push({ type: 'output.release', responseId, mark: cleared })
    changeWords(step, { ...words, told: cleared })
  }
  const after = wordsOf(step, responseId)
  if (after?.over && isDone(step, after)) changeGuards(step, { words: (step.state.guards as GuardsState).words.filter((one) => one !== after) })
}

function isDone(step: Step, words: Words): boolean {
  const isAsked = GROUPS.every((group) => guardsOf(step, 'output', group).length === 0 || (!words.streams[group].asked && words.streams[group].at >= words.seen.length))
  return isAsked && (!holds(step.state) || words.told >= Math.max(1, words.mark))
}

/** The gate is full: the rest of this answer goes unchecked. */
export function letAllGo(step: Step, responseId: string): void {
  const words = wordsOf(step, responseId)
  if (!words) return
  changeWords(step, { ...words, cleared: ALL })
  letGo(step, responseId)
}

/** Nothing more of it reaches the client. */
export function dropWords(step: Step, responseId: string, known: Partial<Dropped> = {}): void {
  const { guards } = step.state
  if (!guards) return
  const { items = [], over = false } = wordsOf(step, responseId) ?? {}
  const dropped = [...guards.dropped.filter((one) => one.responseId !== responseId), { responseId, items, over, keeps: undefined, ...known }].slice(-MOST_DROPPED)
  const checks = guards.checks.filter(({ about }) => !(about.type === 'words' && about.responseId === responseId))
  changeGuards(step, { dropped, checks, words: guards.words.filter((one) => one.responseId !== responseId) })
  step.actions.push({ type: 'output.drop', responseId })
}

/** Its beginning is shown, since a client that asked waits for it; of its end the words are left out. */
function wayOfDropped(step: Step, dropped: Dropped, event: RealtimeEvent, itemId: string | undefined): Way {
  const isEnd = event.type === 'response.done'
  const items = isEnd ? itemsOf(event, dropped.items) : itemId === undefined || dropped.items.includes(itemId) ? dropped.items : [...dropped.items, itemId]
  const wasOver = dropped.over
  const guards = step.state.guards as GuardsState
  changeGuards(step, { dropped: guards.dropped.map((one) => (one === dropped ? { responseId: one.responseId, items, over: wasOver || isEnd, keeps: one.keeps } : one)) })
  if (event.type === 'response.created') return { type: 'send', gate: withoutMark(step, dropped.responseId), follows: undefined }
  if (isEnd && !wasOver) return replaced(step, dropped.responseId, asBlocked(event))
  note(step, { type: 'event_dropped', side: 'upstream', why: 'blocked' })
  return DROP
}

function replaced(step: Step, responseId: string, event: RealtimeEvent): Way {
  return { type: 'replace', event, gate: withoutMark(step, responseId) }
}

/** Behind what came before, and free to go. */
export function withoutMark({ state }: Step, responseId: string): GatePlace | undefined {
  return holds(state) ? { responseId, mark: 0 } : undefined
}

/** As the client sees the end of an answer that was blocked. */
export function asBlocked(event: RealtimeEvent): RealtimeEvent {
  const response = { ...objectAt(event, 'response'), status: 'cancelled', status_details: { type: 'cancelled', reason: 'content_filter' }, output: [] }
  return { ...event, response }
}

function withoutWords(event: RealtimeEvent): RealtimeEvent {
  return { ...event, response: { ...objectAt(event, 'response'), output: [] } }
}

export function wordsOf({ state }: Step, responseId: string): Words | undefined {
  return state.guards?.words.find((one) => one.responseId === responseId)
}

function changeWords(step: Step, changed: Words): void {
  const { guards } = step.state
  if (guards) changeGuards(step, { words: guards.words.map((one) => (one.responseId === changed.responseId ? trimmed(changed) : one)) })
}

function withStream(words: Words, group: Group, stream: Words['streams'][Group]): Words {
  return { ...words, streams: { ...words.streams, [group]: stream } }
}

/** What every group is done with need not be kept; only whole texts that come late are then asked about again. */
function trimmed(words: Words): Words {
  if (words.seen.length <= MOST_SEEN) return words
  const { wait, cut, observe } = words.streams
  const asking = GROUPS.some((group) => words.streams[group].asked)
  const used = [wait.at, cut.at, observe.at].filter((at) => at > 0)
  const spare = used.length === 0 || asking ? 0 : Math.min(...used) - MOST_SEEN / 2
  if (spare <= 0) return words
  const less = (stream: Words['streams'][Group]) => ({ at: Math.max(0, stream.at - spare), asked: stream.asked })
  return { ...words, seen: words.seen.slice(spare), flushTo: Math.max(0, words.flushTo - spare), streams: { wait: less(wait), cut: less(cut), observe: less(observe) } }
}

function isUnwanted(event: RealtimeEvent): boolean {
  const status = stringAt(objectAt(event, 'response'), 'status')
  return status === 'cancelled' || status === 'failed'
}

function itemsOf(event: RealtimeEvent, known: readonly string[]): readonly string[] {
  const ids = arrayAt(objectAt(event, 'response'), 'output').flatMap((item) => (isObject(item) ? [stringAt(item, 'id') ?? ''] : []))
  return [...known, ...ids.filter((id) => id !== '' && !known.includes(id))]
}

const TEXTS: ReadonlySet<string> = new Set(['text', 'transcript', 'delta', 'arguments', 'output'])
const MOST_DEPTH = 8

/** Every text of the model's in an event, wherever it stands. */
function textsOf(value: Json | undefined, depth = 0): readonly string[] {
  if (depth > MOST_DEPTH) return []
  if (Array.isArray(value)) return value.flatMap((one) => textsOf(one, depth + 1))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, one]) => (typeof one === 'string' ? (TEXTS.has(key) && one !== '' ? [one] : []) : textsOf(one, depth + 1)))
}
