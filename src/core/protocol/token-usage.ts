// Reads the `usage` of a response or transcription in any of its shapes. Every amount is finite and not below zero.
import { type JsonObject, objectAt } from './events.js'

export const KINDS = ['text', 'audio', 'image'] as const
export type Kind = (typeof KINDS)[number]

export interface TokenUsage {
  /** The reported total; 0 if only the kinds were reported. */
  readonly input: number
  readonly output: number
  /** Includes cached tokens. */
  readonly inputOf: Readonly<Record<Kind, number>>
  readonly cached: number
  readonly cachedOf: Readonly<Record<Kind, number>>
  readonly outputOf: Readonly<Record<Kind, number>>
  /** Seconds of audio, if the service counts its length instead of tokens. */
  readonly seconds: number
}

/** Tokens without a reported kind count as text. Cached tokens without a kind are taken from text, then audio, then image. */
export function tokenUsage(usage: JsonObject): TokenUsage {
  const inputDetails = objectAt(usage, 'input_token_details')
  const inputOf = ofKinds(inputDetails, amount(usage, 'input_tokens'))
  const outputOf = ofKinds(objectAt(usage, 'output_token_details'), amount(usage, 'output_tokens'))
  const cached = amount(inputDetails, 'cached_tokens')
  return {
    input: amount(usage, 'input_tokens'),
    output: amount(usage, 'output_tokens'),
    inputOf,
    cached,
    cachedOf: cachedKinds(objectAt(inputDetails, 'cached_tokens_details'), cached, inputOf),
    outputOf,
    seconds: amount(usage, 'seconds'),
  }
}

function ofKinds(details: JsonObject | undefined, total: number): Record<Kind, number> {
  const kinds = { text: amount(details, 'text_tokens'), audio: amount(details, 'audio_tokens'), image: amount(details, 'image_tokens') }
  kinds.text += Math.max(0, total - sum(kinds))
  return kinds
}

/** The cached tokens of a kind never exceed all tokens of that kind. */
function cachedKinds(details: JsonObject | undefined, cached: number, inputOf: Readonly<Record<Kind, number>>): Record<Kind, number> {
  const told = { text: amount(details, 'text_tokens'), audio: amount(details, 'audio_tokens'), image: amount(details, 'image_tokens') }
  let untold = Math.max(0, cached - sum(told))
  const cachedOf = (kind: Kind): number => {
    const found = Math.min(inputOf[kind], told[kind] + untold)
    untold -= Math.max(0, found - told[kind])
    return found
  }
  return { text: cachedOf('text'), audio: cachedOf('audio'), image: cachedOf('image') }
}

/** Input tokens alone, as `tokenUsage` reads them. */
export function inputTokens(usage: JsonObject): number {
  return amount(usage, 'input_tokens')
}

function amount(from: JsonObject | undefined, key: string): number {
  const value = from?.[key]
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0
}

function sum(kinds: Readonly<Record<Kind, number>>): number {
  return kinds.text + kinds.audio + kinds.image
}
