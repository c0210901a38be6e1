// GA clients that use preview names for some fields: every such field moves to its GA place.
import { describe, expect, it } from 'vitest'
import { liftMixedGa } from '../../../../src/core/protocol/preview/lift-mixed.js'

describe('liftMixedGa', () => {
  it('response.create as one voice SDK sends it', () => {
    const event = { type: 'response.create', response: { modalities: ['text', 'audio'], voice: 'sage', instructions: 'x' } }
    expect(liftMixedGa(event)).toEqual({ type: 'response.create', response: { instructions: 'x', output_modalities: ['audio'], audio: { output: { voice: 'sage' } } } })
  })
  it('session.update with every preview field', () => {
    const session = {
      type: 'realtime',
      modalities: ['text'],
      voice: 'sage',
      speed: 1.2,
      input_audio_format: 'pcm16',
      output_audio_format: 'g711_alaw',
      input_audio_transcription: null,
      input_audio_noise_reduction: null,
      turn_detection: { type: 'none' },
      max_response_output_tokens: 5,
      tool_choice: { type: 'function', function: { name: 'f' } },
      temperature: 0.8,
      audio: { input: { mine: 1 } },
    }
    expect(liftMixedGa({ type: 'session.update', session })).toEqual({
      type: 'session.update',
      session: {
        type: 'realtime',
        output_modalities: ['text'],
        max_output_tokens: 5,
        tool_choice: { type: 'function', name: 'f' },
        audio: {
          input: { mine: 1, format: { type: 'audio/pcm', rate: 24000 }, transcription: null, noise_reduction: null, turn_detection: null },
          output: { voice: 'sage', speed: 1.2, format: { type: 'audio/pcma' } },
        },
      },
    })
  })
  it('a field in its GA place stays, even if it is null', () => {
    const session = { voice: 'sage', turn_detection: { type: 'server_vad' }, audio: { output: { voice: 'ash' }, input: { turn_detection: null } } }
    expect(liftMixedGa({ type: 'session.update', session })).toEqual({
      type: 'session.update',
      session: { audio: { output: { voice: 'ash' }, input: { turn_detection: null } } },
    })
  })
  it.each([
    { type: 'response.create' },
    { type: 'response.create', response: 'x' },
    { type: 'session.update', session: null },
    { type: 'session.update', session: ['voice'] },
    { type: 'conversation.item.create', item: { voice: 'x' } },
  ])('%o is returned unchanged', (event) => {
    expect(liftMixedGa(event)).toBe(event)
  })
  it('a pure GA event means the same afterwards', () => {
    const event = { type: 'session.update', event_id: 'e1', session: { type: 'realtime', instructions: 'x', tools: [], audio: { output: { voice: 'ash' } }, unknown: { a: 1 } } }
    expect(liftMixedGa(event)).toEqual(event)
  })
})
