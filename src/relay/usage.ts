// Names what a response or a transcript used, as the usage counters are named.

import type { TokenUsage } from '../core/protocol/token-usage.js'

/** Those that are 0 add nothing. */
export type UsageCounters = Record<string, number>

export type AudioSeconds = Readonly<Record<'input_audio_seconds' | 'output_audio_seconds', number>>

/** Counters of one response, named as the usage hash names them. Always the same ones: an object that is put together name by name takes longer than the sums. */
export function responseCounters({ input, output, inputOf, outputOf, cached, cachedOf }: TokenUsage, audio: AudioSeconds): UsageCounters {
  return {
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
    input_audio_seconds: audio.input_audio_seconds,
    output_audio_seconds: audio.output_audio_seconds,
  }
}

/** Counters of one transcript: tokens or seconds, as its model counts. */
export function transcriptionCounters({ input, output, seconds }: TokenUsage): UsageCounters {
  return { transcriptions: 1, transcription_input_tokens: input, transcription_output_tokens: output, transcription_seconds: seconds }
}

export function nonZero(counters: Readonly<UsageCounters>): UsageCounters {
  const kept: UsageCounters = {}
  for (const name in counters) if ((counters[name] as number) > 0) kept[name] = counters[name] as number
  return kept
}
