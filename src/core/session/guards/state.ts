// What a session knows of its guards: who is asked about what, which words of answers are checked, and what was blocked.
import { type GuardSide, type GuardVerdict, gatesInput, mayHold } from '../../policy/guards.js'
import type { SessionProfile } from '../../policy/profile.js'
import type { RealtimeEvent } from '../../protocol/events.js'
import type { Responses } from '../responses/state.js'

/** `wait`: the words wait for the verdict. `cut`: they do not, and a block interrupts. `observe`: it is only counted. */
export type Group = 'wait' | 'cut' | 'observe'

export type About =
  /** The client's event waits at the gate. */
  | { readonly type: 'typed'; readonly event: RealtimeEvent }
  /** Words of the user that are in the conversation. */
  | { readonly type: 'item'; readonly itemId: string }
  /** The words of an answer up to here. */
  | { readonly type: 'words'; readonly responseId: string; readonly mark: number; readonly to: number }
  | { readonly type: 'arguments'; readonly callId: string }
  | { readonly type: 'result'; readonly callId: string; readonly output: string; readonly ok: boolean; readonly durationMs: number }

/** One guard is asked about one piece of a text; then the next piece, then the next guard. */
export interface Check {
  /** Of the question under way. */
  readonly id: number
  readonly side: GuardSide
  readonly group: Group
  readonly about: About
  readonly pieces: readonly string[]
  readonly piece: number
  /** Which guard of the group. */
  readonly guard: number
  readonly redacted: string | undefined
  /** Without an answer by then there is none. */
  readonly until: number
}

/** How far one group of guards is with an answer. */
export interface Stream {
  /** Characters that were asked about and answered. */
  readonly at: number
  readonly asked: boolean
}

export interface Words {
  readonly responseId: string
  readonly items: readonly string[]
  /** Pieces of words so far. */
  readonly mark: number
  readonly seen: string
  /** So much of it is asked about without waiting for more. */
  readonly flushTo: number
  readonly over: boolean
  /** Where its end stands. */
  readonly doneMark: number
  /** Pieces whose words have passed, and how far the relay has been told so. */
  readonly cleared: number
  readonly told: number
  readonly streams: Readonly<Record<Group, Stream>>
}

/** A turn of the user whose words are not cleared. */
export interface Turn {
  readonly itemId: string
  readonly typed: boolean
  /** The groups that have not answered. */
  readonly open: readonly Group[]
  /** The answer that began meanwhile. */
  readonly responseId: string | undefined
  /** Of a spoken turn: its transcript is waited for so long. */
  readonly until: number
}

/** Nothing of it reaches the client. `over`: its end has come. `keeps`: what of it stays in the conversation; undefined: all of it. */
export interface Dropped {
  readonly responseId: string
  readonly items: readonly string[]
  readonly over: boolean
  readonly keeps: readonly string[] | undefined
}

export interface GuardsState {
  /** Questions so far. */
  readonly asked: number
  readonly blocks: number
  readonly checks: readonly Check[]
  readonly words: readonly Words[]
  readonly turns: readonly Turn[]
  readonly dropped: readonly Dropped[]
  /** The line is to be said as soon as nobody speaks. */
  readonly wantsLine: boolean
  /** The answer to words that were blocked may still come, to this turn or to this request: it is cut off when it begins. */
  readonly cutsNext: { readonly turnSince: number | undefined; readonly request: Responses['clientRequest'] } | undefined
  /** The user's words that the client wants answered were blocked. */
  readonly turnBlocked: boolean
  /** Verdicts that came while there was no upstream. */
  readonly early: readonly { readonly id: number; readonly verdict: GuardVerdict }[]
}

export const noGuards: GuardsState = {
  asked: 0,
  blocks: 0,
  checks: [],
  words: [],
  turns: [],
  dropped: [],
  wantsLine: false,
  cutsNext: undefined,
  turnBlocked: false,
  early: [],
}

export function guardsBegin({ guards }: SessionProfile): GuardsState | undefined {
  return guards && guards.guards.length > 0 ? noGuards : undefined
}

/** With every field written out, for the reason that `stateWith` gives. */
export function guardsWith(g: GuardsState, changes: Partial<GuardsState>): GuardsState {
  const copy: GuardsState = {
    asked: g.asked,
    blocks: g.blocks,
    checks: g.checks,
    words: g.words,
    turns: g.turns,
    dropped: g.dropped,
    wantsLine: g.wantsLine,
    cutsNext: g.cutsNext,
    turnBlocked: g.turnBlocked,
    early: g.early,
  }
  return Object.assign(copy, changes)
}

/**
 * What goes on elsewhere. What was held there is gone with its relay, and so is who was asked: typed words that wait are asked about again, and a tool at
 * work has words of the relay's own for a result.
 */
export function guardsElsewhere(guards: GuardsState | undefined): GuardsState | undefined {
  return guards && guardsWith(guards, { checks: [], words: [], turns: [], dropped: [], cutsNext: undefined, turnBlocked: false, early: [] })
}

interface Guarded {
  readonly guards: GuardsState | undefined
  readonly profile: SessionProfile
}

/** Words of the user wait for a verdict: no tool of the server's is started meanwhile. */
export function inputWaits({ guards }: Pick<Guarded, 'guards'>): boolean {
  return guards?.turns.some(({ open }) => open.includes('wait')) === true
}

/** Nor is an answer asked for. */
export function gateWaits({ guards, profile, quota }: Guarded & { readonly quota: { readonly ownCommits: number } }): boolean {
  return gatesInput(profile.guards) && (inputWaits({ guards }) || quota.ownCommits > 0)
}

/** The sound of a WebRTC call goes past the relay, which cannot hold it: what should be held is cut. */
export function holds({ profile, call }: { readonly profile: SessionProfile; readonly call: unknown }): boolean {
  return profile.guards !== undefined && !call && mayHold(profile.guards)
}

/** Words wait for their verdict: of an answer that may be over upstream, or of a turn that is not answered yet. */
export function holdsBack(guards: GuardsState | undefined): boolean {
  return guards !== undefined && (guards.words.length > 0 || guards.turns.length > 0)
}

/** Nothing is decided while there is no upstream. */
export function guardsDueAt({ guards, upstream }: Pick<Guarded, 'guards'> & { readonly upstream: { readonly phase: string } }): number {
  let due = Number.POSITIVE_INFINITY
  if (!guards || upstream.phase !== 'ready') return due
  for (const { until } of guards.checks) due = Math.min(due, until)
  for (const { until } of guards.turns) due = Math.min(due, until)
  return due
}
