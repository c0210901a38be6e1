// Which guards of a profile can do nothing, and what an admin reads of it.
import { describe, expect, it } from 'vitest'
import { guardMistakes } from '../../../src/core/policy/guard-check.js'
import type { GuardMode, GuardSide } from '../../../src/core/policy/guards.js'

const TRANSCRIBED = { audio: { input: { transcription: { model: 'whisper' } } } }

function mistakes(on: readonly GuardSide[], mode: GuardMode, session: object = TRANSCRIBED, may: readonly string[] = [], maxBlocks = 5) {
  const guards = { guards: [{ name: 'safety', on, mode, whenUnsure: 'block' as const }], tellsModel: false, maxBlocks }
  return guardMistakes({ guards, session: session as never, clientMaySet: new Set(may) })
}

describe('guards of a profile', () => {
  it.each([
    [['output'], 'hold', {}, []],
    [['input', 'output'], 'gate', TRANSCRIBED, ['audio.output.voice']],
    [['tool_arguments', 'tool_output'], 'cut', {}, ['audio.input.transcription']],
  ] as const)('%j in the mode %s: nothing is wrong', (on, mode, session, may) => {
    expect(mistakes(on, mode, session, may)).toEqual([])
  })

  it.each([
    [['input'], 'hold', {}, [], /'safety' is on 'input'.*must set audio\.input\.transcription/],
    [['input'], 'hold', { audio: { input: { transcription: null } } }, [], /must set/],
    [['input'], 'cut', TRANSCRIBED, ['audio.input.transcription'], /must not be allowed to set/],
    [['output'], 'gate', {}, [], /'gate', which is for 'input'/],
    [[], 'observe', {}, [], /is on nothing/],
  ] as const)('%j in the mode %s', (on, mode, session, may, words) => {
    expect(mistakes(on, mode, session, may)).toEqual([expect.stringMatching(words)])
  })

  it('without guards has no mistakes, and none that blocks without end', () => {
    expect(guardMistakes({ guards: undefined, session: {}, clientMaySet: new Set() })).toEqual([])
    expect(mistakes(['output'], 'cut', {}, [], 0)).toEqual(['maxBlocks must be a whole number of at least 1'])
  })
})
