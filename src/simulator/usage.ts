// Plausible token counts: one token for four characters of text, for 100 ms of a user's audio, or for 50 ms of the model's, in earlier turns too.
import type { JsonObject } from '../core/protocol/events.js'
import { contentOf, type StoredItem, wordsOf } from './conversation.js'

export const textTokens = (text: string) => Math.ceil(text.length / 4)
/** A part of 100 ms is not counted: 2,668 ms were recorded as 26 tokens, 2,796 ms as 27. */
export const inputAudioTokens = (ms: number) => Math.floor(ms / 100)
export const outputAudioTokens = (ms: number) => Math.ceil(ms / 50)
const IMAGE_TOKENS = 258
/** Cached tokens are counted in blocks of this size. */
const CACHE_BLOCK = 64

export interface TokenCount {
  readonly text: number
  readonly audio: number
  readonly image: number
}

export function countInput(instructions: string, tools: unknown, items: readonly StoredItem[]): TokenCount {
  let text = textTokens(instructions) + (Array.isArray(tools) && tools.length > 0 ? textTokens(JSON.stringify(tools)) : 0)
  let audio = 0
  let image = 0
  for (const stored of items) {
    text += 4
    const { audioMs = 0 } = stored
    audio += stored.item.role === 'user' ? inputAudioTokens(audioMs) : outputAudioTokens(audioMs)
    // A spoken answer counts its words beside its sound, as it did when it was made.
    if (audioMs === 0 || stored.item.role !== 'user') text += textTokens(wordsOf(stored) + String(stored.item.arguments ?? '') + String(stored.item.output ?? ''))
    image += contentOf(stored.item).filter((part) => part.type === 'input_image').length * IMAGE_TOKENS
  }
  return { text, audio, image }
}

/** `cachedText`: text tokens that were already in the input of an earlier response of the session. `reasoning`: counted only if the model reasons. */
export function usage(input: TokenCount, output: { text: number; audio: number; reasoning?: number }, cachedText: number): JsonObject {
  const cached = Math.floor(Math.min(cachedText, input.text) / CACHE_BLOCK) * CACHE_BLOCK
  const inputTokens = input.text + input.audio + input.image
  const outputTokens = output.text + output.audio + (output.reasoning ?? 0)
  return {
    total_tokens: inputTokens + outputTokens,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    input_token_details: {
      text_tokens: input.text,
      audio_tokens: input.audio,
      image_tokens: input.image,
      cached_tokens: cached,
      cached_tokens_details: { text_tokens: cached, audio_tokens: 0, image_tokens: 0 },
    },
    output_token_details: { text_tokens: output.text, audio_tokens: output.audio, ...(output.reasoning !== undefined && { reasoning_tokens: output.reasoning }) },
  }
}
