// A kept transcript under another profile: which words its guards would have blocked or redacted, which tools would not have run, and what is no transcript.
import { describe, expect, it } from 'vitest'
import type { GuardMode, GuardSide, ProfileGuard } from '../../../src/core/policy/guards.js'
import { type Judge, rejudge } from '../../../src/core/replay/rejudge.js'
import type { AskGuard } from '../../../src/core/replay/run.js'
import { isTranscript, parseTranscript, type TranscriptLine } from '../../../src/core/replay/transcript.js'
import { profile, tool } from '../../support/playbook.js'
import { fc } from '../../support/property.js'

const words = (who: 'user' | 'assistant', text: string, line = 1): TranscriptLine => ({ who, line, atMs: 1000 * line, text, heard: undefined })
const ran = (name: string, line = 1): TranscriptLine => ({ who: 'tool', line, atMs: 1000 * line, tool: name })
const guard = (name: string, mode: GuardMode, on: readonly GuardSide[] = ['input', 'output']): ProfileGuard => ({ name, mode, on, whenUnsure: 'block' })
const record = { keeps: 'transcript', consent: 'none' } as unknown as NonNullable<Judge['profile']['record']>
/** A guard finds its own name. `soft` puts something else in its place. */
const ask: AskGuard = (name, _side, text) => {
  if (!text.includes(name)) return { type: 'pass' }
  return name.startsWith('soft') ? { type: 'redact', category: 'word', text: text.replaceAll(name, '[soft]') } : { type: 'block', category: 'word' }
}

function judged(lines: readonly TranscriptLine[], guards: readonly ProfileGuard[], change: Partial<Judge['profile']> = {}, maxBlocks = 5) {
  return rejudge(lines, {
    profile: profile({ record, guards: { guards, tellsModel: false, maxBlocks }, ...change }),
    ask,
    redact: (text) => text.replaceAll('soft', '[soft]'),
    isUnknown: (name) => name.startsWith('crm__'),
  })
}
const whats = (found: ReturnType<typeof judged>) => found.map(({ line, findings }) => [line?.line, ...findings.map(({ what }) => what)])

describe('words of a transcript', () => {
  it('are blocked by the first guard that finds something, in order', () => {
    expect(whats(judged([words('user', 'a bad idea')], [guard('fine', 'hold'), guard('bad', 'gate'), guard('idea', 'hold')]))).toEqual([
      [1, 'guard bad (gate) finds word: the words are blocked'],
    ])
  })

  it('go on to the next guard as the one before has left them', () => {
    expect(whats(judged([words('user', 'so soft')], [guard('soft', 'hold'), guard('[soft]', 'hold')]))[0]?.[1]).toBe(
      'guard soft (hold) finds word, guard [soft] (hold) finds word: the words are blocked',
    )
    expect(whats(judged([words('user', 'so soft')], [guard('soft', 'hold')]))).toEqual([
      [1, 'guard soft (hold) finds word: the words are redacted if they were typed, blocked if they were spoken', 'kept in other words'],
    ])
    expect(whats(judged([words('user', 'so soft')], [guard('soft', 'cut')]))[0]?.[1]).toBe('guard soft (cut) finds word: the words are blocked')
  })

  it('of an answer are read in windows: what was cleared before is told, and a redaction blocks', () => {
    const text = `This is the first sentence. ${'And then some more words come. '.repeat(6)}Here is the bad one, and it ends.`
    const [found] = judged([words('assistant', text)], [guard('bad', 'hold')])
    const cleared = Number(/blocked, (\d+) of its/.exec(found?.findings[0]?.what ?? '')?.[1])
    expect(cleared).toBeGreaterThan(27)
    expect(cleared).toBeLessThan(text.indexOf('bad'))
    expect(whats(judged([words('assistant', 'It is soft.')], [guard('soft', 'cut')]))[0]?.[1]).toBe(
      'guard soft (cut) finds word: the answer is blocked, 0 of its 11 characters were cleared',
    )
  })

  it('that are only observed change nothing else', () => {
    const [found] = judged([words('assistant', 'bad, bad.')], [guard('bad', 'observe')])
    expect(found).toMatchObject({ findings: [{ what: 'guard bad (observe) finds word', isOther: false }], toldOtherwise: false, ends: false })
  })

  it('are of no interest to guards of the other side, or of tools', () => {
    expect(judged([words('user', 'bad'), words('assistant', 'evil')], [guard('bad', 'hold', ['output']), guard('evil', 'hold', ['input', 'tool_output'])])).toEqual([])
  })

  it('end the session when too many are blocked', () => {
    const found = judged([words('user', 'bad', 1), words('assistant', 'fine', 2), words('user', 'bad', 3), words('user', 'bad', 4)], [guard('bad', 'hold')], {}, 2)
    expect(found.map(({ line, ends }) => [line?.line, ends])).toEqual([
      [1, false],
      [3, true],
    ])
    expect(found[1]?.findings.at(-1)?.what).toBe('session ends: content_blocked, after 2 blocks')
  })

  it('never block if no guard finds anything, whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), (text) => {
        const calm = { profile: profile({ record, guards: { guards: [guard('x', 'hold'), guard('y', 'cut'), guard('z', 'observe')], tellsModel: false, maxBlocks: 1 } }) }
        expect(rejudge([words('user', text), words('assistant', text)], { ...calm, ask: () => ({ type: 'pass' }), redact: (one) => one, isUnknown: () => false })).toEqual([])
      }),
      { numRuns: 100 },
    )
  })

  it('all reach a guard, in windows that overlap', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z.!?]{1,12}$/), { maxLength: 80 }), fc.stringMatching(/^[A-Z]{1,30}$/), fc.nat(80), (others, word, place) => {
        const text = others.toSpliced(place, 0, word).join(' ')
        expect(judged([words('assistant', text)], [guard(word, 'hold')])).toHaveLength(1)
      }),
      { numRuns: 200 },
    )
  })
})

describe('tools of a transcript', () => {
  const tools = [tool('get_weather', 'server'), tool('show_map', 'client')]
  it('run if the profile has them, and the relay runs them', () => {
    expect(
      whats(
        judged(
          ['get_weather', 'show_map', 'drop_tables', 'crm__find'].map((name, at) => ran(name, at + 1)),
          [],
          { tools },
        ),
      ),
    ).toEqual([
      [2, 'tool show_map is the client’s to run'],
      [3, 'tool drop_tables does not run: it is not among the profile’s tools'],
      [4, 'tool crm__find is its MCP server’s, which alone knows whether it is there'],
    ])
  })
})

it('a profile without a record would have kept none of it', () => {
  expect(whats(judged([words('user', 'fine')], [], { record: undefined }))).toEqual([[undefined, 'none of it is kept: the profile has no record']])
})

describe('a file', () => {
  const line = (value: object) => JSON.stringify({ turn: 1, atMs: 5, ...value })
  it('is a transcript by its first line', () => {
    expect(isTranscript(`\n${line({ who: 'user', text: '' })}\n`)).toBe(true)
    expect(isTranscript('{"from":"client","event":{"type":"x"}}')).toBe(false)
    expect(isTranscript('{"v": 1,\n "session": "s"}')).toBe(false)
    expect(isTranscript('')).toBe(false)
  })

  it('is read as the relay writes it', () => {
    const text = [
      line({ who: 'assistant', item: 'i', text: 'Hi', heard: 'part', heardMs: 3, heardText: 'H', by: 'estimated' }),
      '',
      line({ who: 'tool', tool: 'get_weather', outcome: 'ok' }),
    ].join('\n')
    expect(parseTranscript(text)).toEqual({
      ok: true,
      lines: [
        { who: 'assistant', line: 1, atMs: 5, text: 'Hi', heard: 'part' },
        { who: 'tool', line: 3, atMs: 5, tool: 'get_weather' },
      ],
    })
  })

  it.each([
    [line({ who: 'canary', text: '' }), "line 1: 'who' must be user, assistant or tool"],
    [line({ who: 'user' }), "line 1: 'text' must be what was said"],
    [line({ who: 'tool', tool: 'a canary\n' }), "line 1: 'tool' must be the name of a tool"],
    [line({ who: 'user', text: '', atMs: -1 }), "line 1: 'atMs' must be milliseconds of 0 or more"],
    [`${line({ who: 'user', text: '' })}\n{"canary`, 'line 2: is no JSON object'],
    ['\n'.repeat(60_000), 'has more than 50000 lines'],
  ])('%.60j is none', (text, problem) => {
    expect(parseTranscript(text)).toEqual({ ok: false, problem })
  })
})
