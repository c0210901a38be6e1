// Usage as models report it, complete or partial: every kind counts once, and values that are no amounts do not count.
import { expect, it } from 'vitest'
import { tokenUsage } from '../../../src/core/protocol/token-usage.js'

const none = { text: 0, audio: 0, image: 0 }

it('reads every amount in its place', () => {
  const usage = {
    input_tokens: 111,
    output_tokens: 70,
    input_token_details: {
      text_tokens: 60,
      audio_tokens: 40,
      image_tokens: 11,
      cached_tokens: 21,
      cached_tokens_details: { text_tokens: 10, audio_tokens: 8, image_tokens: 3 },
    },
    output_token_details: { text_tokens: 30, audio_tokens: 35, image_tokens: 5 },
    seconds: 2.5,
  }
  expect(tokenUsage(usage)).toEqual({
    input: 111,
    output: 70,
    inputOf: { text: 60, audio: 40, image: 11 },
    cached: 21,
    cachedOf: { text: 10, audio: 8, image: 3 },
    outputOf: { text: 30, audio: 35, image: 5 },
    seconds: 2.5,
  })
})

it.each([
  ['kinds that are not told are text', { input_tokens: 10, input_token_details: { audio_tokens: 4, image_tokens: 1 } }, { inputOf: { text: 5, audio: 4, image: 1 } }],
  ['kinds beyond the total stay as told', { input_tokens: 3, input_token_details: { text_tokens: 1, audio_tokens: 4 } }, { input: 3, inputOf: { text: 1, audio: 4, image: 0 } }],
  ['kinds without a total', { output_token_details: { text_tokens: 2, audio_tokens: 3 } }, { output: 0, outputOf: { text: 2, audio: 3, image: 0 } }],
  ['no details', { input_tokens: 7, output_tokens: 2 }, { inputOf: { ...none, text: 7 }, outputOf: { ...none, text: 2 }, cached: 0, cachedOf: none, seconds: 0 }],
  [
    'cached ones of unknown kind: text, then audio, then image',
    { input_tokens: 12, input_token_details: { text_tokens: 3, audio_tokens: 4, image_tokens: 5, cached_tokens: 9 } },
    { cachedOf: { text: 3, audio: 4, image: 2 } },
  ],
  [
    'cached ones partly told',
    { input_tokens: 20, input_token_details: { text_tokens: 10, audio_tokens: 10, cached_tokens: 9, cached_tokens_details: { audio_tokens: 4 } } },
    { cachedOf: { text: 5, audio: 4, image: 0 } },
  ],
  [
    'never more cached than there was of a kind',
    { input_tokens: 5, input_token_details: { text_tokens: 2, audio_tokens: 3, cached_tokens: 50, cached_tokens_details: { text_tokens: 9, image_tokens: 7 } } },
    { cached: 50, cachedOf: { text: 2, audio: 3, image: 0 } },
  ],
  [
    'cached ones, all of them told',
    { input_token_details: { text_tokens: 5, audio_tokens: 5, cached_tokens: 2, cached_tokens_details: { text_tokens: 2 } } },
    { cachedOf: { text: 2, audio: 0, image: 0 } },
  ],
  ['what is no amount', { input_tokens: '5', output_tokens: -1, seconds: Number.POSITIVE_INFINITY, input_token_details: [] }, { input: 0, output: 0, seconds: 0, inputOf: none }],
])('%s', (_name, usage, expected) => {
  expect(tokenUsage(usage)).toMatchObject(expected)
})

it('cached tokens are those of the kinds that are told, even if their sum is told smaller', () => {
  const input_token_details = { text_tokens: 10, audio_tokens: 10, cached_tokens: 4, cached_tokens_details: { text_tokens: 2, audio_tokens: 3 } }
  expect(tokenUsage({ input_tokens: 20, input_token_details }).cachedOf).toEqual({ text: 2, audio: 3, image: 0 })
})
