// What of a session goes to another instance, as one text: core's state, the messages that the client may have missed, and the counts.
import { isObject, type Json, type JsonObject } from '../../core/protocol/events.js'

export interface Parcel {
  /** `moved`: the session ended where it was, and all is booked there. `snapshot`: nothing is known of its end. */
  readonly from: 'moved' | 'snapshot'
  /** Epoch milliseconds when it was made. */
  readonly at: number
  /** The session's own time then. */
  readonly clock: number
  readonly requestedModel: string | undefined
  readonly state: JsonObject
  /** The number of the first of `messages`. */
  readonly first: number
  readonly messages: readonly string[]
  /** Messages of the client that the state knows of. */
  readonly received: number
  readonly booked: Readonly<Record<string, number>>
  /** How often the client has come back. */
  readonly resumes: number
  /** `traceparent` of its connection, if it is traced. */
  readonly trace: string | undefined
}

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

export function parcelText(parcel: Parcel): string {
  return JSON.stringify(parcel)
}

/** Undefined: it is no parcel. */
export function parcelIn(text: string): Parcel | undefined {
  const found = parsed(text)
  if (!isObject(found)) return undefined
  const { from, at, clock, requestedModel, state, first, messages, received, booked, resumes, trace } = found
  if (from !== 'moved' && from !== 'snapshot') return undefined
  if (!isNumber(at) || !isNumber(clock) || !isNumber(first) || !isNumber(received) || !isNumber(resumes)) return undefined
  if (!isObject(state) || !Array.isArray(messages) || !isObject(booked)) return undefined
  const counters = Object.fromEntries(Object.entries(booked).filter((entry): entry is [string, number] => isNumber(entry[1])))
  const texts = messages.filter((one): one is string => typeof one === 'string')
  const counts = { first, messages: texts, received, booked: counters, resumes }
  const known = { requestedModel: typeof requestedModel === 'string' ? requestedModel : undefined, trace: typeof trace === 'string' && TRACEPARENT.test(trace) ? trace : undefined }
  return { from, at, clock, state, ...counts, ...known }
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

function isNumber(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
