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
  const input = amount(usage.input_tokens)
  const output = amount(usage.output_tokens)
  const inputDetails = objectAt(usage, 'input_token_details')
  const inputOf = ofKinds(inputDetails, input)
  const outputOf = ofKinds(objectAt(usage, 'output_token_details'), output)
  const cached = amount(inputDetails?.cached_tokens)
  const cachedOf = cachedKinds(objectAt(inputDetails, 'cached_tokens_details'), cached, inputOf)
  return { input, output, inputOf, cached, cachedOf, outputOf, seconds: amount(usage.seconds) }
}

function ofKinds(details: JsonObject | undefined, total: number): Record<Kind, number> {
  const [text, audio, image] = [amount(details?.text_tokens), amount(details?.audio_tokens), amount(details?.image_tokens)]
  return { text: text + Math.max(0, total - (text + audio + image)), audio, image }
}

/** The cached tokens of a kind never exceed all tokens of that kind. */
function cachedKinds(details: JsonObject | undefined, cached: number, inputOf: Readonly<Record<Kind, number>>): Record<Kind, number> {
  const told = ofKinds(details, 0)
  let untold = Math.max(0, cached - (told.text + told.audio + told.image))
  const text = Math.min(inputOf.text, told.text + untold)
  untold -= Math.max(0, text - told.text)
  const audio = Math.min(inputOf.audio, told.audio + untold)
  untold -= Math.max(0, audio - told.audio)
  return { text, audio, image: Math.min(inputOf.image, told.image + untold) }
}

/** Input tokens alone, as `tokenUsage` reads them. */
export function inputTokens(usage: JsonObject): number {
  return amount(usage.input_tokens)
}

function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0
}
