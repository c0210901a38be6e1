// What a response or a transcription costs by a price table.
import { KINDS, type TokenUsage } from '../protocol/token-usage.js'

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
  const name = [...names, '*'].find((one) => one !== undefined && Object.hasOwn(table.prices, one))
  return name === undefined ? undefined : table.prices[name]
}

/** In the table's currency. A cached token without a price of its own costs what any other does. */
export function costOf(usage: TokenUsage, price: Price): number {
  let perMillion = usage.outputOf.text * (price.output_text ?? 0) + usage.outputOf.audio * (price.output_audio ?? 0)
  for (const kind of KINDS) {
    const full = price[`input_${kind}`] ?? 0
    perMillion += (usage.inputOf[kind] - usage.cachedOf[kind]) * full + usage.cachedOf[kind] * (price[`cached_${kind}`] ?? full)
  }
  return perMillion / 1e6 + (usage.seconds / 60) * (price.minute ?? 0)
}
