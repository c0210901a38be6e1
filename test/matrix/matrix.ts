// The matrix: every event with every forbidden value, in every client dialect, passed through dialect and policy, and the outcome.
import { CLIENT_RULES, judgeClientEvent } from '../../src/core/policy/client-rules.js'
import type { SessionView, Verdict } from '../../src/core/policy/policy.js'
import { judgeServerEvent, SERVER_RULES } from '../../src/core/policy/server-rules.js'
import type { DialectName } from '../../src/core/protocol/dialect.js'
import { dialectFor } from '../../src/core/protocol/dialects.js'
import type { JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { ARRIVED, CLIENT_ATTACKS, HIDDEN, PREFIX, SERVER_ATTACKS } from './attacks.js'

/** `arrived`: a forbidden value passed. That must never happen. */
export type Outcome = 'refused' | 'rewritten' | 'dropped' | 'arrived'

export interface Cell {
  readonly from: 'client' | 'upstream'
  readonly event: string
  readonly thing: string
  readonly dialect: DialectName
  readonly outcome: Outcome
}

const DIALECTS: readonly DialectName[] = ['ga', 'preview']
const UPSTREAMS: readonly DialectName[] = ['ga', 'preview', 'voice-live']
const UNKNOWN = ['transcription_session.update', 'conversation.item.update', 'relay.of_a_client', 'event.of_next_year']
const PAYLOADS: Readonly<Record<string, string>> = { 'session.update': 'session', 'response.create': 'response', 'conversation.item.create': 'item' }
const BASE: Readonly<Record<string, JsonObject>> = {
  'conversation.item.create': { item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] } },
  'conversation.item.retrieve': { item_id: 'item_1' },
  'conversation.item.delete': { item_id: 'item_1' },
  'conversation.item.truncate': { item_id: 'item_1', content_index: 0, audio_end_ms: 0 },
  'input_audio_buffer.append': { audio: 'AAAA' },
}

const view: SessionView = {
  profile: {
    name: 'default',
    instructions: 'Be of help.',
    tools: [],
    session: {},
    clientMaySet: new Set(['audio.output.voice', 'audio.input.turn_detection', 'output_modalities']),
    clientMaySeedHistory: false,
    forwardRateLimits: true,
    relayEvents: false,
    limits: {} as SessionView['profile']['limits'],
  },
  relayIdPrefix: PREFIX,
  requestedModel: undefined,
  privateWords: ['canary-in-the-matrix'],
  toolOwner: () => 'server',
  isHiddenItem: (itemId) => itemId === HIDDEN,
  visibleItem: (itemId) => (itemId === HIDDEN ? null : itemId),
  isClientCallItem: () => false,
  isOpenClientCall: () => false,
  isCall: false,
  isClientCall: () => false,
}

export function matrix(): readonly Cell[] {
  return [...clientCells(), ...serverCells()]
}

function clientCells(): readonly Cell[] {
  return [...Object.keys(CLIENT_RULES), ...UNKNOWN].flatMap((event) =>
    Object.entries(CLIENT_ATTACKS).flatMap(([thing, fields]) =>
      DIALECTS.map(
        (dialect): Cell => ({ from: 'client', event, thing, dialect, outcome: mostDirect(variants(event, fields, PAYLOADS[event]).map((one) => fromClient(one, dialect))) }),
      ),
    ),
  )
}

function serverCells(): readonly Cell[] {
  return [...Object.keys(SERVER_RULES), ...UNKNOWN].flatMap((event) =>
    Object.entries(SERVER_ATTACKS).flatMap(([thing, fields]) =>
      DIALECTS.map((dialect): Cell => {
        const key = ['session', 'response', 'item', 'part', 'error'].find((one) => event.includes(one))
        return { from: 'upstream', event, thing, dialect, outcome: mostDirect(variants(event, fields, key).map((one) => fromUpstream(one, dialect))) }
      }),
    ),
  )
}

/** The forbidden value beside the event's own fields, inside its payload, and at both places. */
function variants(type: string, fields: JsonObject, payload: string | undefined): readonly RealtimeEvent[] {
  const base: RealtimeEvent = { type, event_id: 'event_1', ...BASE[type] }
  if (payload === undefined) return [{ ...base, ...fields, type }]
  const inner = typeof base[payload] === 'object' ? (base[payload] as JsonObject) : {}
  const inside = { ...base, [payload]: { ...inner, ...fields } }
  return [{ ...base, ...fields, type }, inside, { ...inside, ...fields, [payload]: { ...inner, ...fields }, type }, ...replacing(base, payload, fields)]
}

/** An item in the place of the payload itself. */
function replacing(base: RealtimeEvent, payload: string, fields: JsonObject): readonly RealtimeEvent[] {
  const whole = fields[payload]
  return whole === undefined ? [] : [{ ...base, [payload]: whole }]
}

function fromClient(event: RealtimeEvent, dialect: DialectName): Outcome {
  const asSent = JSON.parse(JSON.stringify(event)) as RealtimeEvent
  const ga = dialectFor(dialect).toGa(asSent)
  if (ga.length === 0) return 'refused'
  return worst(ga.map((one) => outcomeOf(judgeClientEvent(one, view), one, UPSTREAMS)))
}

function fromUpstream(event: RealtimeEvent, dialect: DialectName): Outcome {
  return worst(
    UPSTREAMS.flatMap((upstream) => {
      const ga = dialectFor(upstream).toGa(JSON.parse(JSON.stringify(event)) as RealtimeEvent)
      return ga.length === 0 ? ['dropped' as const] : ga.map((one) => outcomeOf(judgeServerEvent(one, view), one, [dialect]))
    }),
  )
}

function outcomeOf(verdict: Verdict, event: RealtimeEvent, towards: readonly DialectName[]): Outcome {
  if (verdict.type === 'reject') return 'refused'
  if (verdict.type === 'drop') return 'dropped'
  const sent = verdict.type === 'replace' ? verdict.event : event
  const texts = [sent, ...towards.flatMap((name) => dialectFor(name).fromGa(sent))].map((one) => JSON.stringify(one))
  return texts.some((text) => ARRIVED.test(text)) ? 'arrived' : 'rewritten'
}

const ORDER: readonly Outcome[] = ['arrived', 'rewritten', 'refused', 'dropped']

/** If one event became several, the outcome of the one that went furthest. */
function worst(outcomes: readonly Outcome[]): Outcome {
  return ORDER.find((one) => outcomes.includes(one)) ?? 'dropped'
}

/** The outcome of the last variant, unless another one let a forbidden value pass. */
function mostDirect(outcomes: readonly Outcome[]): Outcome {
  return outcomes.includes('arrived') ? 'arrived' : (outcomes.at(-1) ?? 'dropped')
}

/** Markdown tables with counts by event and by forbidden value. */
export function matrixMarkdown(cells: readonly Cell[] = matrix()): string {
  const count = (outcome: Outcome) => cells.filter((cell) => cell.outcome === outcome).length
  const head = `${cells.length} combinations: ${count('rewritten')} rewritten without it, ${count('refused')} refused, ${count('dropped')} dropped, ${count('arrived')} let through.`
  return [
    head,
    '',
    tableBy(cells, 'client', 'event'),
    '',
    tableBy(cells, 'client', 'thing'),
    '',
    tableBy(cells, 'upstream', 'event'),
    '',
    tableBy(cells, 'upstream', 'thing'),
  ].join('\n')
}

function tableBy(cells: readonly Cell[], from: Cell['from'], by: 'event' | 'thing'): string {
  const own = cells.filter((cell) => cell.from === from)
  const names = [...new Set(own.map((cell) => cell[by]))]
  const title = from === 'client' ? `from a client, by ${by}` : `towards a client, by ${by}`
  const rows = names.map((name) => {
    const counted = DIALECTS.map((dialect) => counts(own.filter((cell) => cell[by] === name && cell.dialect === dialect)))
    return `| ${by === 'event' ? `\`${name}\`` : name} | ${counted.join(' | ')} |`
  })
  return [`| ${title} | GA client | preview client |`, '| --- | --- | --- |', ...rows].join('\n')
}

function counts(cells: readonly Cell[]): string {
  const words = ORDER.flatMap((outcome) => {
    const count = cells.filter((cell) => cell.outcome === outcome).length
    return count === 0 ? [] : [`${count} ${outcome}`]
  })
  return words.join(', ')
}
