// Any order of verdicts, words, sound, cancels, speech, tools and ends: no uncleared word is heard, no newer answer is touched, and everything ends.
import { describe, expect, it } from 'vitest'
import { type GuardVerdict, mayHold } from '../../../../src/core/policy/guards.js'
import type { RealtimeEvent } from '../../../../src/core/protocol/events.js'
import type { Action } from '../../../../src/core/session/actions.js'
import type { Input } from '../../../../src/core/session/inputs.js'
import { createGuardGate } from '../../../../src/relay/guard-gate.js'
import { ev } from '../../../support/playbook.js'
import { fc } from '../../../support/property.js'
import { type Asked, guard, guardsPlay } from './guards-play.js'

const COMMANDS = [
  'begin',
  'say',
  'say',
  'say',
  'sound',
  'sound',
  'done',
  'cancelled',
  'cancel',
  'speech',
  'call',
  'pass',
  'pass',
  'pass',
  'late pass',
  'block',
  'none',
  'redact',
  'time',
  'type',
  'turn',
] as const
type Command = (typeof COMMANDS)[number]

const WORD = /w\d+x/g

function world(on: 'output' | 'both', whenUnsure: 'pass' | 'block') {
  const p = guardsPlay(
    [guard('hold', on === 'both' ? ['input', 'output'] : ['output'], { whenUnsure })],
    { maxBlocks: 1e6, blockedLine: 'Say no.' },
    {
      limits: { idleTimeoutMs: 1e9, maxSessionMs: 1e9, toolCallsPerMinute: 1e6, maxViolations: 1e6, maxItems: 1e6 } as never,
    },
  )
  const cleared = new Set<string>()
  const begun: string[] = []
  const heardBegin: string[] = []
  const heardEnd: string[] = []
  const cancelled = new Set<string>()
  const lastWord = new Map<string, string>()
  let active: string | undefined
  let words = 0
  let turns = 0
  let verdictAbout: string | undefined
  /** Whose words a question is about. */
  const about = new Map<string, string>()

  const gate = createGuardGate({ opened: { profile: p.state.profile, call: undefined }, apply: (input: Input) => void take(p.input(input)) as never })
  if (!gate || !p.state.profile.guards || !mayHold(p.state.profile.guards)) throw new Error('nothing is held')

  function hears(event: RealtimeEvent) {
    for (const [word] of JSON.stringify(event).matchAll(WORD)) expect(cleared, `heard ${word}`).toContain(word)
    const id = (event.response as { id?: string } | undefined)?.id ?? ''
    if (event.type === 'response.created') heardBegin.push(id)
    if (event.type === 'response.done') heardEnd.push(id)
  }
  function take(actions: readonly Action[]) {
    for (const action of actions) {
      if (action.type === 'send' && action.to === 'client') {
        const { event, gate: place } = action
        if (!place || gate?.passes(place)) hears(event)
        else gate?.hold(place, 100, () => hears(event))
      } else if (action.type === 'send') toUpstream(action.event)
      else if (action.type === 'output.release') gate?.release(action.responseId, action.mark, undefined)
      else if (action.type === 'output.drop') gate?.drop(action.responseId, undefined)
      else if (action.type === 'close' || action.type === 'park') throw new Error(`closed: ${action.why}`)
    }
  }
  function toUpstream(event: RealtimeEvent) {
    if (event.type === 'response.cancel') {
      const id = String(event.response_id ?? active)
      cancelled.add(id)
      if (verdictAbout !== undefined) expect(id, 'a verdict cancelled another answer').toBe(verdictAbout)
    } else if (event.type === 'response.create' && active === undefined) begin()
  }
  function upstream(event: object) {
    take(p.input({ type: 'upstream.event', leg: 1, event: event as RealtimeEvent, frame: undefined }))
  }
  const later: (() => void)[] = []
  function begin() {
    const id = `r${begun.length}`
    begun.push(id)
    active = id
    later.push(() => {
      upstream(ev.created(id))
      const item = { ...ev.message(`m_${id}`), status: 'in_progress', content: [] }
      upstream(ev.itemAdded(id, item))
      upstream(ev.added(item))
    })
  }
  function settled() {
    for (let next = later.shift(); next; next = later.shift()) next()
  }
  const place = (id: string) => ({ event_id: 'e', response_id: id, item_id: `m_${id}`, output_index: 0, content_index: 0 })
  function end(status: string) {
    settled()
    if (active === undefined) return
    const id = active
    active = undefined
    const said = [...about].filter(([, one]) => one === id).map(([word]) => word)
    upstream({ ...ev.itemDone(id, ev.message(`m_${id}`, said.join(' '))) })
    upstream(ev.done(id, [ev.message(`m_${id}`, said.join(' '))], status))
  }
  function answer(asked: Asked | undefined, verdict: GuardVerdict) {
    if (!asked) return
    p.open.splice(p.open.indexOf(asked), 1)
    const known = p.state.guards?.checks.some(({ id }) => id === asked.id)
    const unsure = verdict.type === 'none' && whenUnsure === 'pass'
    if (known && (verdict.type === 'pass' || unsure)) for (const [word] of asked.text.matchAll(WORD)) cleared.add(word)
    const [first] = asked.text.match(WORD) ?? []
    verdictAbout = asked.side === 'output' ? about.get(first ?? '') : undefined
    take(p.input({ type: 'guard.verdict', id: asked.id, verdict }))
    verdictAbout = undefined
  }
  const timedOut = () => {
    if (whenUnsure === 'pass') for (const asked of p.open) for (const [word] of asked.text.matchAll(WORD)) cleared.add(word)
    p.now += 16_000
    take(p.input({ type: 'tick', clientActiveAt: p.now }))
  }

  const firstOf = (id: string) => [...about].find(([, one]) => one === id)?.[0]
  const isCleared = (word: string | undefined) => (word === undefined ? whenUnsure === 'pass' : cleared.has(word))

  return {
    run(command: Command) {
      const id = active
      if (command === 'begin') active ?? begin()
      else if (command === 'say' && id) {
        const word = `w${++words}x`
        about.set(word, id)
        lastWord.set(id, word)
        upstream({ type: 'response.output_audio_transcript.delta', ...place(id), delta: `${word} is said here at some length${words % 3 === 0 ? '. ' : ' '}` })
      } else if (command === 'sound' && id) {
        const frame = Buffer.from(JSON.stringify({ type: 'response.output_audio.delta', ...place(id), delta: 'AAAA' }))
        const word = lastWord.get(id)
        // Of sound that comes before any word: the first.
        gate?.sound(frame, () => expect(isCleared(word ?? firstOf(id)), `sound of ${word}`).toBe(true), undefined)
      } else if (command === 'done') end('completed')
      else if (command === 'cancelled') end('cancelled')
      else if (command === 'cancel') take(p.input({ type: 'client.event', event: { type: 'response.cancel', event_id: 'c' } }))
      else if (command === 'speech') upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: `s${words}`, audio_start_ms: 0 })
      else if (command === 'call' && id) upstream(ev.itemDone(id, ev.call(`k${words}_${id}`, 'get_weather')))
      else if (command === 'pass') answer(p.open[0], { type: 'pass' })
      else if (command === 'late pass') answer(p.open.at(-1), { type: 'pass' })
      else if (command === 'block') answer(p.open[0], { type: 'block', category: 'hate' })
      else if (command === 'none') answer(p.open[0], { type: 'none', why: 'failed' })
      else if (command === 'redact') answer(p.open[0], { type: 'redact', category: 'card', text: '***' })
      else if (command === 'time') timedOut()
      else if (command === 'type')
        take(
          p.input({
            type: 'client.event',
            event: {
              type: 'conversation.item.create',
              event_id: 'c',
              item: { id: `t${++turns}`, type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] },
            } as never,
          }),
        )
      else if (command === 'turn') {
        const itemId = `u${++turns}`
        upstream({ type: 'input_audio_buffer.committed', event_id: 'e', item_id: itemId, previous_item_id: null })
        if (turns % 2 === 0) upstream({ type: 'conversation.item.input_audio_transcription.completed', event_id: 'e', item_id: itemId, content_index: 0, transcript: 'hello' })
      }
      settled()
    },
    finish() {
      for (let round = 0; round < 200; round++) {
        end('completed')
        settled()
        for (const call of p.state.calls.server.values()) if (call.atWork) take(p.input({ type: 'tool.finished', callId: call.callId, output: 'x', ok: true, durationMs: 1 }))
        settled()
        while (p.open.length > 0) answer(p.open[0], { type: 'pass' })
        settled()
        if (active === undefined && p.open.length === 0 && round > 4) break
        timedOut()
      }
    },
    check() {
      const { words: followed, checks, turns: open } = p.state.guards ?? {}
      expect({ followed, checks, open }).toEqual({ followed: [], checks: [], open: [] })
      expect(gate?.heldBytes).toBe(0)
      expect(new Set(heardEnd).size, 'an end was heard twice').toBe(heardEnd.length)
      expect([...heardBegin].sort(), 'begun and not ended').toEqual([...heardEnd].sort())
    },
  }
}

describe('in every order', () => {
  it.each([
    ['output', 'block'],
    ['output', 'pass'],
    ['both', 'block'],
    ['both', 'pass'],
  ] as const)('with guards on %s that are unsure: %s', { timeout: 60_000 }, (on, whenUnsure) => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...COMMANDS), { maxLength: 80, size: 'max' }), (commands) => {
        const one = world(on, whenUnsure)
        for (const command of commands) one.run(command)
        one.finish()
        one.check()
      }),
      { numRuns: 400 },
    )
  })
})
