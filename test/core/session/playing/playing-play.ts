// A playbook whose client plays the answers at once and without a pause, and which shows what becomes of an interruption.
import type { Interruption, SessionProfile } from '../../../../src/core/policy/profile.js'
import type { Action } from '../../../../src/core/session/actions.js'
import { type Ledger, nothingSent, playedMs, sent, sentMs, stopped, unheard } from '../../../../src/core/session/playing/ledger.js'
import { ev, type Play, play, updated } from '../../../support/playbook.js'

const PCM = 48_000

export interface PlayingPlay extends Play {
  /** A response with one message item begins. */
  begins(responseId: string, itemId?: string): void
  /** So much audio of an item reaches the client now. */
  says(responseId: string, forMs: number, itemId?: string): void
  speech(what: 'speech_started' | 'speech_stopped' | 'committed', itemId?: string): readonly string[]
  ends(responseId: string, status?: string, reason?: string): readonly string[]
  /** What the last input had done, of what this is about: `cancel r1`, `clear`, `truncate a 500`, `told a 500`. */
  readonly did: readonly string[]
}

export const RELAY: Interruption = { bargeIn: 'allow', truncate: 'relay' }

/** `turns`: of the session in force. */
export function playingPlay(
  interruption: Interruption | undefined,
  change: Partial<SessionProfile> = {},
  turns: object | null = { type: 'server_vad', interrupt_response: true },
): PlayingPlay {
  const p = play({ relayEvents: true, ...change, interruption })
  let ledger: Ledger = nothingSent
  let base = 0
  let since = 0
  let did: readonly string[] = []
  const done = (now: number) => Math.min(ledger.sentBytes, base + Math.floor(((now - since) * PCM) / 1000))
  const feed = p.input
  const self: PlayingPlay = Object.assign(p, {
    begins(responseId: string, itemId = `m_${responseId}`) {
      self.upstream(ev.created(responseId))
      const item = { ...ev.message(itemId), status: 'in_progress', content: [] }
      self.upstream(ev.itemAdded(responseId, item))
      self.upstream(ev.added(item))
    },
    says(responseId: string, forMs: number, itemId = `m_${responseId}`) {
      const at = done(self.now)
      if (at >= ledger.sentBytes) {
        base = ledger.sentBytes
        since = self.now
      }
      ledger = sent(ledger, { responseId, itemId, contentIndex: 0 }, forMs * 48, PCM, at)
    },
    speech: (what: string, itemId = 'u1') => self.upstream({ type: `input_audio_buffer.${what}`, event_id: 'e', item_id: itemId, audio_start_ms: 0, audio_end_ms: 900 }),
    ends(responseId: string, status = 'completed', reason?: string) {
      const event = ev.done(responseId, [], status)
      return self.upstream({ ...event, response: { ...event.response, ...(reason !== undefined && { status_details: { type: status, reason } }) } })
    },
    did: [],
  })
  self.playing = { unheard: (now) => unheard(ledger, done(now)), sentMs: (item, index) => sentMs(ledger, item, index), playedMs: (now) => playedMs(ledger, done(now)) }
  self.input = (input) => {
    const actions = feed(input)
    for (const action of actions) {
      if (action.type !== 'playback.clear') continue
      ledger = stopped(ledger, done(self.now))
      base = ledger.sentBytes
    }
    did = actions.flatMap(shortly)
    return actions
  }
  Object.defineProperty(self, 'did', { get: () => did })
  const { session } = updated(self.state.profile) as unknown as { session: object }
  self.upstream({ type: 'session.updated', event_id: 'e', session: { ...session, audio: { input: { turn_detection: turns } } } })
  return self
}

function shortly(action: Action): readonly string[] {
  if (action.type === 'playback.clear') return ['clear']
  if (action.type !== 'send') return []
  const { type, item_id, audio_end_ms, heard_ms, response_id } = action.event
  if (type === 'response.cancel') return [`cancel ${response_id}`]
  if (type === 'conversation.item.truncate') return [`truncate ${item_id} ${audio_end_ms}`]
  if (type === 'conversation.item.truncated') return [`truncated ${item_id} ${audio_end_ms}`]
  if (type === 'relay.interrupted') return [`told ${item_id} ${heard_ms}`]
  return type === 'response.create' && action.to === 'upstream' ? ['create'] : []
}
