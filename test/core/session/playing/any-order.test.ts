// In whatever order speech, cancels, truncates and audio come: no truncation beyond what was sent, none that the service would refuse, nothing late to the client.
import { describe, expect, it } from 'vitest'
import type { Interruption } from '../../../../src/core/policy/profile.js'
import { itemsOf } from '../../../../src/core/session/kept-items.js'
import { ev } from '../../../support/playbook.js'
import { fc } from '../../../support/property.js'
import { type PlayingPlay, playingPlay, RELAY } from './playing-play.js'

const COMMANDS = ['begin', 'say', 'say', 'item', 'late', 'end', 'pass', 'pass', 'tick', 'speech', 'silence', 'cancel', 'clear', 'truncate', 'too much'] as const
type Command = (typeof COMMANDS)[number]

interface World {
  readonly p: PlayingPlay
  run(command: Command, size: number): void
  check(): void
}

function world(interruption: Interruption): World {
  const p = playingPlay(interruption, { limits: { ...playingPlay(undefined).state.profile.limits, maxViolations: 1e6, responsesPerMinute: 1e6 } })
  const sentMs = new Map<string, number>()
  const cutAt = new Map<string, number>()
  let response: string | undefined
  let item = ''
  let ids = 0
  let looked = p.allTo('upstream').length
  const delta = () => ({
    ...{ type: 'response.output_audio_transcript.delta', event_id: 'e', response_id: response, item_id: item, output_index: 0, content_index: 0, delta: 'so' },
  })
  const open = () => {
    item = `m${++ids}`
    p.upstream(ev.added({ ...ev.message(item), status: 'in_progress', content: [] }))
  }
  /** As the service judges: it shortens, and refuses what is longer than what it has. */
  const served = () => {
    for (const event of p.allTo('upstream').slice(looked)) {
      if (event.type === 'response.cancel' && response !== undefined && (event.response_id ?? response) === response) {
        const over = response
        response = undefined
        p.ends(over, 'cancelled', 'client_cancelled')
      }
      if (event.type !== 'conversation.item.truncate') continue
      const [id, at] = [String(event.item_id), Number(event.audio_end_ms)]
      const isOurs = String(event.event_id).startsWith('relay_')
      if (!isOurs) {
        if (at <= (cutAt.get(id) ?? sentMs.get(id) ?? -1)) cutAt.set(id, at)
        continue
      }
      expect(Number.isInteger(at)).toBe(true)
      expect(at).toBeLessThanOrEqual(sentMs.get(id) ?? -1)
      expect(cutAt.has(id)).toBe(false)
      cutAt.set(id, at)
    }
    looked = p.allTo('upstream').length
  }
  return {
    p,
    run(command, size) {
      switch (command) {
        case 'begin':
          if (response !== undefined) break
          response = `r${++ids}`
          p.upstream(ev.created(response))
          open()
          break
        case 'item':
          if (response !== undefined) open()
          break
        case 'say':
          // The relay's lane drops what nobody is to hear before it counts as sent.
          if (response === undefined || p.state.playing.discarded === response) break
          p.says(response, size, item)
          sentMs.set(item, (sentMs.get(item) ?? 0) + size)
          break
        case 'late': {
          if (response === undefined) break
          const isLate = p.state.playing.discarded === response
          // What is due meanwhile may be done with it.
          expect(p.upstream(delta()).includes('client response.output_audio_transcript.delta')).toBe(!isLate)
          break
        }
        case 'end':
          if (response === undefined) break
          p.ends(response)
          response = undefined
          break
        case 'pass':
          p.now += size
          break
        case 'tick':
          p.tick(p.now + size)
          break
        case 'speech':
          p.speech('speech_started', `u${ids}`)
          if (interruption.bargeIn === 'allow' && !interruption.minSpeechMs && !interruption.protectMs && response !== undefined) {
            const over = response
            response = undefined
            p.ends(over, 'cancelled', 'turn_detected')
          }
          break
        case 'silence':
          p.speech('speech_stopped', `u${ids}`)
          break
        case 'cancel':
          p.client({ type: 'response.cancel' })
          break
        case 'clear':
          p.client({ type: 'output_audio_buffer.clear' })
          break
        case 'truncate':
          if (item !== '') p.client({ type: 'conversation.item.truncate', item_id: item, content_index: 0, audio_end_ms: Math.min(size, sentMs.get(item) ?? 0) })
          break
        case 'too much':
          if (item !== '') p.client({ type: 'conversation.item.truncate', item_id: item, content_index: 0, audio_end_ms: 1e6 })
          break
      }
      served()
    },
    check() {
      expect(p.state.life).toBe('open')
      if (response === undefined) expect(p.state.playing.discarded).toBeUndefined()
      // Told for each that the relay has truncated.
      const ours = p.allTo('upstream').filter(({ type, event_id }) => type === 'conversation.item.truncate' && String(event_id).startsWith('relay_'))
      expect(p.allTo('client').filter(({ type }) => type === 'relay.interrupted')).toHaveLength(ours.length)
      for (const { id, heardMs } of itemsOf(p.state.conversation)) if (heardMs !== undefined) expect(heardMs).toBeLessThanOrEqual(Math.max(sentMs.get(id) ?? 0, 0))
    },
  }
}

describe.each<[string, Interruption]>([
  ['the service interrupts', RELAY],
  ['speech has to last', { bargeIn: 'allow', minSpeechMs: 300, truncate: 'relay' }],
  ['the beginning is protected', { bargeIn: 'allow', protectMs: 500, truncate: 'relay' }],
  ['answers are protected', { bargeIn: 'protect', truncate: 'relay' }],
])('where %s', (_, interruption) => {
  it('every truncation is one that the service takes, once for each item, and nothing late reaches the client', () => {
    let truncated = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...COMMANDS), fc.integer({ min: 1, max: 600 })), { maxLength: 60, size: 'max' }), (commands) => {
        const one = world(interruption)
        for (const [command, size] of commands) one.run(command, size)
        one.check()
        truncated += one.p.state.playing.truncated.size
      }),
      { numRuns: 300 },
    )
    expect(truncated).toBeGreaterThan(100)
  })
})
