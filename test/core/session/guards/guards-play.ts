// A playbook whose guards are answered by the test, and which shows what they were asked and what became of the words.
import type { GuardMode, GuardPolicy, GuardSide, GuardVerdict, ProfileGuard } from '../../../../src/core/policy/guards.js'
import type { SessionProfile } from '../../../../src/core/policy/profile.js'
import type { Action } from '../../../../src/core/session/actions.js'
import { ev, type Play, play } from '../../../support/playbook.js'

export const BLOCK: GuardVerdict = { type: 'block', category: 'hate' }
export const PASS: GuardVerdict = { type: 'pass' }
export const NONE: GuardVerdict = { type: 'none', why: 'failed' }

export function guard(mode: GuardMode, on: readonly GuardSide[], change: Partial<ProfileGuard> = {}): ProfileGuard {
  return { name: mode, on, mode, whenUnsure: 'block', ...change }
}

export interface Asked {
  readonly id: number
  readonly guard: string
  readonly side: GuardSide
  readonly text: string
}

export interface GuardsPlay extends Play {
  /** Not answered yet, oldest first. */
  readonly open: Asked[]
  /** Answers the oldest question. */
  says(verdict: GuardVerdict): readonly string[]
  answers(asked: Asked | undefined, verdict: GuardVerdict): readonly string[]
  begins(responseId: string, itemId?: string): readonly string[]
  words(responseId: string, text: string, itemId?: string): readonly string[]
  ends(responseId: string, status?: string): readonly string[]
  types(text: string, id?: string): readonly string[]
  turn(itemId: string): readonly string[]
  heardAs(itemId: string, transcript: string): readonly string[]
}

export function guardsPlay(guards: readonly ProfileGuard[], policy: Partial<GuardPolicy> = {}, change: Partial<SessionProfile> = {}): GuardsPlay {
  const p = play({ relayEvents: true, ...change, guards: { guards, tellsModel: false, maxBlocks: 5, blockedMessage: 'Not here.', ...policy } })
  const feed = p.input
  const open: Asked[] = []
  const self: GuardsPlay = Object.assign(p, {
    open,
    says: (verdict: GuardVerdict) => self.answers(open[0], verdict),
    answers(asked: Asked | undefined, verdict: GuardVerdict) {
      if (!asked) throw new Error('nobody was asked')
      open.splice(open.indexOf(asked), 1)
      return self.feed({ type: 'guard.verdict', id: asked.id, verdict })
    },
    begins(responseId: string, itemId = `m_${responseId}`) {
      const item = { ...ev.message(itemId), status: 'in_progress', content: [] }
      return [...self.upstream(ev.created(responseId)), ...self.upstream(ev.itemAdded(responseId, item)), ...self.upstream(ev.added(item))]
    },
    words: (responseId: string, delta: string, itemId = `m_${responseId}`) =>
      self.upstream({ type: 'response.output_audio_transcript.delta', event_id: 'e', response_id: responseId, item_id: itemId, output_index: 0, content_index: 0, delta }),
    ends: (responseId: string, status = 'completed') => self.upstream(ev.done(responseId, [], status)),
    types: (text: string, id?: string) =>
      self.client({
        type: 'conversation.item.create',
        event_id: 'c1',
        item: { ...(id !== undefined && { id }), type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
      }),
    turn: (itemId: string) => self.upstream({ type: 'input_audio_buffer.committed', event_id: 'e', item_id: itemId, previous_item_id: null }),
    heardAs: (itemId: string, transcript: string) =>
      self.upstream({ type: 'conversation.item.input_audio_transcription.completed', event_id: 'e', item_id: itemId, content_index: 0, transcript }),
  })
  self.input = (input) => {
    const actions = feed(input)
    for (const action of actions) if (action.type === 'guard.check') open.push(action)
    return actions
  }
  return self
}

export function notes(actions: readonly Action[]): readonly string[] {
  return actions.flatMap((action) => (action.type === 'note' ? [action.note.type] : []))
}
