// Names what a response or a transcript used, as the usage counters are named.

import type { TokenUsage } from '../core/protocol/token-usage.js'

/** Counters of one response, named as the usage hash names them. */
export function responseCounters({ input, output, inputOf, outputOf, cached, cachedOf }: TokenUsage): Record<string, number> {
  return nonZero({
    responses: 1,
    input_tokens: input,
    output_tokens: output,
    input_text_tokens: inputOf.text,
    input_audio_tokens: inputOf.audio,
    input_image_tokens: inputOf.image,
    input_cached_tokens: cached,
    input_cached_text_tokens: cachedOf.text,
    input_cached_audio_tokens: cachedOf.audio,
    input_cached_image_tokens: cachedOf.image,
    output_text_tokens: outputOf.text,
    output_audio_tokens: outputOf.audio,
  })
}

/** Counters of one transcript: tokens or seconds, as its model counts. */
export function transcriptionCounters({ input, output, seconds }: TokenUsage): Record<string, number> {
  return nonZero({ transcriptions: 1, transcription_input_tokens: input, transcription_output_tokens: output, transcription_seconds: seconds })
}

export function nonZero(counters: Record<string, number>): Record<string, number> {
  const kept: Record<string, number> = {}
  for (const name in counters) if ((counters[name] as number) > 0) kept[name] = counters[name] as number
  return kept
}
