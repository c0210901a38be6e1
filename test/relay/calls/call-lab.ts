// Calls on a relay in memory: a scripted sideband, and clients that attach. What their owner is told is recorded.

import type { SessionProfile } from '../../../src/core/policy/profile.js'
import type { RealtimeEvent } from '../../../src/core/protocol/events.js'
import type { EndCode } from '../../../src/core/session/actions.js'
import type { Identity } from '../../../src/ports/caller.js'
import type { CallMode, SessionCall } from '../../../src/ports/calls.js'
import type { Note } from '../../../src/ports/notes.js'
import type { UpstreamConnection } from '../../../src/ports/upstream.js'
import { type MemoryPeer, memoryPair, settle } from '../../support/memory-link.js'
import { profile, updated } from '../../support/playbook.js'
import { type Lab, type LabOptions, NOW, openLab } from '../../support/relay-lab.js'

export interface CallLab {
  readonly lab: Lab
  /** Sidebands in the order in which they were opened. */
  readonly sidebands: readonly MemoryPeer[]
  /** What the owner of the call was told, in order. */
  readonly told: readonly (string | { readonly code: EndCode; readonly handsOver: boolean })[]
  readonly notes: readonly Note[]
  readonly owned: SessionProfile
  /** How the next sidebands are opened, instead of at once. */
  attachBy(attach: SessionCall['attach']): void
  /** Sends one event on the sideband that is open. */
  say(event: object): Promise<void>
  /** Types of what has arrived on it since. */
  heard(): readonly string[]
  /** The lock is seen in force. */
  live(): Promise<void>
  /** Another socket of this caller. Undefined: he has no such call. */
  join(identity?: Partial<Identity>, id?: string): Promise<MemoryPeer | undefined>
}

const ALICE: Identity = { subject: 'alice', issuer: undefined, tokenId: 'token-1', expiresAtMs: NOW + 3_600_000, claims: {} }

/** Fakes the timers, as `openLab` does. */
export async function openCallLab(mode: CallMode = 'media-only', change: Partial<SessionProfile> = {}, options: LabOptions = {}): Promise<CallLab> {
  const lab = openLab(options)
  // The laboratory's own session is of no use here.
  lab.client.close(1000)
  await settle()
  const sidebands: MemoryPeer[] = []
  const told: CallLab['told'][number][] = []
  const notes: Note[] = []
  const owned = profile({ tools: [], ...change })
  let attach: SessionCall['attach'] = () => Promise.resolve(connect())
  const connect = (): UpstreamConnection => {
    const { link, peer } = memoryPair()
    sidebands.push(peer)
    return { link, dialect: 'ga', deployment: 'secret-deployment' }
  }
  lab.relay.openCall({
    sessionId: 'sess-call',
    identity: ALICE,
    profile: owned,
    tools: { tools: owned.tools, run: () => Promise.resolve({ output: 'result', outcome: 'ok', durationMs: 1, cut: false }) },
    requestedModel: undefined,
    recorder: { note: (note) => void notes.push(note) },
    onEnd: () => told.push('end'),
    call: { id: 'rtc_1', mode, attach: (request) => attach(request), onLive: () => told.push('live'), onOver: (end) => told.push(end) },
  })
  await settle()
  const typesOf = (peer: MemoryPeer | undefined) => (peer?.drainInbox() ?? []).map(({ text }) => (JSON.parse(text) as RealtimeEvent).type)
  const self: CallLab = {
    lab,
    sidebands,
    told,
    notes,
    owned,
    attachBy(by) {
      attach = by
    },
    async say(event) {
      sidebands.at(-1)?.send(JSON.stringify(event))
      await settle()
    },
    heard: () => typesOf(sidebands.at(-1)),
    async live() {
      await self.say(updated(owned))
    },
    async join(identity = {}, id = 'rtc_1') {
      const claim = lab.relay.claimCall(id, { ...ALICE, ...identity })
      const { link, peer } = memoryPair()
      if (!claim?.attach(link)) return undefined
      await settle()
      return peer
    },
  }
  return self
}

export function typesTo(peer: MemoryPeer | undefined): readonly string[] {
  return (peer?.drainInbox() ?? []).map(({ text }) => (JSON.parse(text) as RealtimeEvent).type)
}
