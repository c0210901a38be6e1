// What the relay reads of limits and usage out of events, in every shape they come.
import { describe, expect, it } from 'vitest'
import { limitsOfEvent, limitUse } from '../../src/core/limits/report.js'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import { tokenUsage } from '../../src/core/protocol/token-usage.js'
import { nonZero, responseCounters, transcriptionCounters } from '../../src/relay/usage.js'

const event = (type: string, rest: object) => ({ type, event_id: 'e', ...rest }) as unknown as RealtimeEvent
const SILENCE = { input_audio_seconds: 0, output_audio_seconds: 0 }
const failed = (error: object | null) => event('response.done', { response: { id: 'r', status: 'failed', status_details: { type: 'failed', error } } })

describe('limitsOfEvent', () => {
  it.each([
    {
      id: 'tokens-only',
      entries: [{ name: 'tokens', limit: 250_000, remaining: 249_000, reset_seconds: 0.24 }],
      limits: [{ name: 'tokens', limit: 250_000, remaining: 249_000, resetSeconds: 0.24 }],
    },
    {
      id: 'both-broken-numbers',
      entries: [
        { name: 'requests', limit: 10.5, remaining: null, reset_seconds: '6' },
        { name: 'tokens', remaining: 0 },
      ],
      limits: [
        { name: 'requests', limit: 10.5 },
        { name: 'tokens', remaining: 0 },
      ],
    },
    { id: 'no-names', entries: [null, 5, {}, { name: 'a b', limit: 1 }, { name: '__proto__', limit: 1 }], limits: [{ name: '__proto__', limit: 1 }] },
  ])('rate_limits.updated: $id', ({ entries, limits }) => {
    expect(limitsOfEvent(event('rate_limits.updated', { rate_limits: entries }))).toEqual({ source: 'event', limits })
  })

  it.each([
    { id: 'empty', given: event('rate_limits.updated', { rate_limits: [] }) },
    { id: 'absent', given: event('rate_limits.updated', {}) },
    { id: 'other-failure', given: failed({ type: 'server_error', code: null, message: 'rate limit' }) },
    { id: 'no-details', given: failed(null) },
    { id: 'other-error', given: event('error', { error: { type: 'invalid_request_error', code: 'insufficient_quota' } }) },
  ])('says nothing: $id', ({ given }) => {
    expect(limitsOfEvent(given)).toBeUndefined()
  })

  it.each([
    { id: 'azure', message: '...', code: 'inference_rate_limit_exceeded', limit: { name: 'tokens', remaining: 0 } },
    {
      id: 'seconds',
      message: 'Rate limit reached on tokens per min (TPM): Limit 20000. Please try again in 1.5s.',
      code: 'rate_limit_exceeded',
      limit: { name: 'tokens', remaining: 0, resetSeconds: 1.5 },
    },
    {
      id: 'requests',
      message: 'Rate limit reached on requests per min (RPM). Try again in 600ms',
      code: 'rate_limit_exceeded',
      limit: { name: 'requests', remaining: 0, resetSeconds: 0.6 },
    },
    { id: 'minutes', message: 'Please retry after 2 minutes.', code: 'rate_limit_exceeded', limit: { name: 'tokens', remaining: 0, resetSeconds: 120 } },
    { id: 'absurd', message: 'try again in 999999999 m', code: 'rate_limit_exceeded', limit: { name: 'tokens', remaining: 0, resetSeconds: 86_400 } },
  ])('a refusal inside a session: $id', ({ message, code, limit }) => {
    const error = { type: 'invalid_request_error', code, message }
    expect(limitsOfEvent(failed(error))).toEqual({ source: code, limits: [limit] })
    expect(limitsOfEvent(event('error', { error }))).toEqual({ source: code, limits: [limit] })
  })

  it('a refusal named by its type alone', () => {
    expect(limitsOfEvent(failed({ type: 'rate_limit_exceeded', code: null }))).toEqual({ source: 'rate_limit_exceeded', limits: [{ name: 'tokens', remaining: 0 }] })
  })
})

describe('limitUse', () => {
  it.each([
    { id: 'total', usage: { total_tokens: 100, input_tokens: 60, output_tokens: 40 }, tokens: 100 },
    { id: 'without-total', usage: { input_tokens: 60, output_tokens: 40 }, tokens: 100 },
    { id: 'one-side', usage: { output_tokens: 40, input_tokens: 'many' }, tokens: 40 },
  ])('$id', ({ usage, tokens }) => {
    expect(limitUse(usage)).toEqual([
      { name: 'requests', used: 1 },
      { name: 'tokens', used: tokens },
    ])
  })

  it('a response without tokens is one request', () => {
    expect(limitUse({ total_tokens: 0 })).toEqual([{ name: 'requests', used: 1 }])
  })
})

describe('responseCounters', () => {
  it('counts by kind and leaves out what is no amount', () => {
    const usage = {
      total_tokens: 30,
      input_tokens: 20,
      output_tokens: 10,
      input_token_details: { text_tokens: 12, audio_tokens: 8, image_tokens: 0, cached_tokens: 4, cached_tokens_details: { text_tokens: 3, audio_tokens: 1 } },
      output_token_details: { text_tokens: -3, audio_tokens: 10 },
    }
    expect(nonZero(responseCounters(tokenUsage(usage), SILENCE))).toEqual({
      responses: 1,
      input_tokens: 20,
      output_tokens: 10,
      input_text_tokens: 12,
      input_audio_tokens: 8,
      input_cached_tokens: 4,
      input_cached_text_tokens: 3,
      input_cached_audio_tokens: 1,
      output_audio_tokens: 10,
    })
  })
})

describe('transcriptionCounters', () => {
  it('counts tokens or seconds, as the model does', () => {
    expect(nonZero(transcriptionCounters(tokenUsage({ type: 'tokens', total_tokens: 22, input_tokens: 13, output_tokens: 9 })))).toEqual({
      transcriptions: 1,
      transcription_input_tokens: 13,
      transcription_output_tokens: 9,
    })
    expect(nonZero(transcriptionCounters(tokenUsage({ type: 'duration', seconds: 3.5 })))).toEqual({ transcriptions: 1, transcription_seconds: 3.5 })
  })
})
