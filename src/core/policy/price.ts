// What a response or a transcription costs by a price table.
import type { TokenUsage } from '../protocol/token-usage.js'

/** Per million tokens, in the table's currency; a kind that is not named costs nothing. */
export interface Price {
  readonly input_text?: number
  readonly input_audio?: number
  readonly input_image?: number
  readonly cached_text?: number
  readonly cached_audio?: number
  readonly cached_image?: number
  readonly output_text?: number
  readonly output_audio?: number
  /** Per minute of audio, for models that are billed by length. */
  readonly minute?: number
}

export const PRICE_FIELDS = ['input_text', 'input_audio', 'input_image', 'cached_text', 'cached_audio', 'cached_image', 'output_text', 'output_audio', 'minute'] as const

export interface PriceTable {
  /** Three letters, such as USD. */
  readonly currency: string
  /** Since when the prices hold, `yyyy-mm-dd`. */
  readonly date: string
  /** By deployment or model; `*` stands for any other. */
  readonly prices: Readonly<Record<string, Price>>
}

/** The price of the first of `names` that the table has, else of `*`. Undefined: the table has none. */
export function priceOf(table: PriceTable, names: readonly (string | undefined)[]): Price | undefined {
  for (const name of names) if (name !== undefined && Object.hasOwn(table.prices, name)) return table.prices[name]
  return Object.hasOwn(table.prices, '*') ? table.prices['*'] : undefined
}

/** In the table's currency. A cached token without a price of its own costs what any other does. */
export function costOf({ inputOf, cachedOf, outputOf, seconds }: TokenUsage, price: Price): number {
  const perMillion =
    outputOf.text * (price.output_text ?? 0) +
    outputOf.audio * (price.output_audio ?? 0) +
    costOfInput(inputOf.text, cachedOf.text, price.input_text, price.cached_text) +
    costOfInput(inputOf.audio, cachedOf.audio, price.input_audio, price.cached_audio) +
    costOfInput(inputOf.image, cachedOf.image, price.input_image, price.cached_image)
  return perMillion / 1e6 + (seconds / 60) * (price.minute ?? 0)
}

function costOfInput(all: number, cached: number, full = 0, ofCached = full): number {
  return (all - cached) * full + cached * ofCached
}
