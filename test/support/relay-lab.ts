// The relay between two links in memory, with a scripted client and a scripted upstream. All its other effects are recorded.
import { vi } from 'vitest'
import type { SessionProfile } from '../../src/core/policy/profile.js'
import { NO_AMOUNTS } from '../../src/core/policy/quota.js'
import type { DialectName } from '../../src/core/protocol/dialect.js'
import { RefusalError } from '../../src/core/protocol/errors.js'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import { withBuiltIns } from '../../src/core/session/manners/built-in.js'
import type { Identity } from '../../src/ports/caller.js'
import type { GuardSet } from '../../src/ports/guards.js'
import type { Link } from '../../src/ports/link.js'
import type { Note, Recorder } from '../../src/ports/notes.js'
import type { SessionPhone } from '../../src/ports/phone.js'
import type { LimitReport, QuotaHolds, UsageBook, UsageReport } from '../../src/ports/store.js'
import type { ToolCall, ToolContext, ToolOutcome } from '../../src/ports/tools.js'
import type { DialRequest, UpstreamConnection } from '../../src/ports/upstream.js'
import type { RelaySettings } from '../../src/relay/deps.js'
import { createRelay, type Relay } from '../../src/relay/relay.js'
import { nonZero } from '../../src/relay/usage.js'
import { type MemoryPeer, memoryPair, settle } from './memory-link.js'
import { profile, updated } from './playbook.js'

export interface LabOptions {
  /** The session's client, in place of the link to the test's. */
  readonly client?: (link: Link) => Link
  readonly profile?: Partial<SessionProfile>
  readonly settings?: Partial<RelaySettings>
  readonly identity?: Partial<Identity>
  readonly clientDialect?: DialectName
  readonly upstreamDialect?: DialectName
  /** The upstream's configured name. */
  readonly upstreamName?: string
  readonly requestedModel?: string
  readonly trace?: string
  /** Answers what the profile's guards are asked. Default: nobody does. */
  readonly guards?: GuardSet
  /** The client is a telephone, whose keys `press` presses. */
  readonly phone?: SessionPhone
  /** Default: a recorder that makes no spans, and keeps nothing. */
  readonly traceparent?: Recorder['traceparent']
  readonly record?: Recorder['record']
  readonly content?: Recorder['content']
  /** Default: an authenticator that refuses every token. */
  readonly verify?: (token: string) => Promise<Identity>
  readonly isRevoked?: (identity: Identity) => boolean
  /** What the process has heard of revocations without asking. */
  readonly isKnown?: (identity: Pick<Identity, 'subject' | 'tokenId'>) => boolean
  /** A wall clock. Default: the one that runs with `pass`. */
  readonly wall?: () => number
  /** Default: a store without usage. */
  readonly usageOf?: UsageBook['usageOf']
  /** Default: a store in which every response may start. */
  readonly reserve?: QuotaHolds['reserve']
  /** Default: an upstream that answers at once. */
  readonly dial?: (signal: AbortSignal, connect: () => UpstreamConnection) => Promise<UpstreamConnection>
}

/** One end of the session, which the test controls. */
export interface LabPeer extends MemoryPeer {
  /** Sends one event and returns its text. */
  say(event: object): string
  /** The next event that this peer receives. */
  hear(): Promise<RealtimeEvent>
  /** All events that have arrived and were not returned yet, as raw texts. */
  rest(): Promise<readonly string[]>
  /** The same, as event types. */
  types(): Promise<readonly string[]>
}

export interface RunningTool {
  readonly call: ToolCall
  readonly context: ToolContext
  finish(outcome?: Partial<ToolOutcome>): void
  fail(error: unknown): void
}

export interface Lab {
  readonly relay: Relay
  readonly client: LabPeer
  readonly upstream: LabPeer
  readonly owned: SessionProfile
  readonly notes: readonly Note[]
  readonly limits: readonly LimitReport[]
  readonly usage: readonly UsageReport[]
  /** Subject and holder of every release. */
  readonly released: readonly (readonly [string, string])[]
  readonly tools: readonly RunningTool[]
  readonly ended: () => number
  readonly dialled: () => DialRequest | undefined
  /** Plays the upstream's part of the opening until the session is live. The client's `session.created` has then been returned. */
  live(): Promise<void>
  /** Lets the relay's clock run. */
  pass(ms: number): Promise<void>
  /** A key of the telephone. */
  press(key: string): void
  revoke(target: { tokenId?: string; subject?: string }): void
  /** Another session on the same relay. */
  another(options?: LabOptions): Lab
  /** What was noted so far is not looked at any more. */
  forget(): void
  noted<N extends Note['type']>(kind: N): readonly Extract<Note, { type: N }>[]
}

export const NOW = 1_800_000_000_000
export const SETTINGS: RelaySettings = {
  bufferBytes: 64 * 1024,
  heldFrames: 64,
  slowClientMs: 10_000,
  audioRingBytes: 256 * 1024,
  reconnectsPerSecond: 20,
  messagesPerSecond: 1000,
  bytesPerSecond: 64 * 1024 * 1024,
  audioBytesPerSecond: 64 * 1024 * 1024,
}

/** Fakes the timers that the relay ticks by; call `vi.useRealTimers()` afterwards. Turns of the event loop stay real. */
export function openLab(options: LabOptions = {}): Lab {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'], now: NOW })
  const limits: LimitReport[] = []
  const usage: UsageReport[] = []
  const released: (readonly [string, string])[] = []
  let revoke: (target: { tokenId?: string; subject?: string }) => void = () => {}
  let sessions = 0
  const dials: ((request: DialRequest) => Promise<UpstreamConnection>)[] = []
  const relay = createRelay({
    provider: {
      dial: (request) => dials.shift()?.(request) ?? Promise.reject(new Error('nothing to dial')),
      health: async () => ({ status: 'ok', detail: '' }),
      close: async () => {},
    },
    store: {
      limits: { recordLimits: (report) => void limits.push(report), limitsOf: async () => [] },
      usage: { recordUsage: (report) => void usage.push({ ...report, counters: nonZero(report.counters) }), usageOf: options.usageOf ?? (async () => ({})) },
      quota: {
        reserve: options.reserve ?? (async () => ({ granted: true, held: NO_AMOUNTS, windows: {} })),
        release: (subject, holder) => void released.push([subject, holder]),
      },
      revocations: {
        isRevoked: async (identity) => options.isRevoked?.(identity) ?? false,
        isKnown: (identity) => options.isKnown?.(identity) ?? false,
        revoke: async () => undefined,
        onRevoked(callback) {
          revoke = callback
        },
      },
    },
    authenticator: { verify: options.verify ?? (() => Promise.reject(new RefusalError('unauthenticated', 'no_token_is_valid'))) },
    settings: { ...SETTINGS, ...options.settings },
    now: options.wall ?? (() => Date.now()),
    steady: () => Date.now(),
    randomId: () => `random${String(sessions++).padStart(4, '0')}`,
  })
  const open = (one: LabOptions): Lab => openSession(relay, one, { limits, usage, released, revoke: (target) => revoke(target), dials, open })
  return open(options)
}

interface Shared {
  readonly limits: LimitReport[]
  readonly usage: UsageReport[]
  readonly released: (readonly [string, string])[]
  readonly revoke: Lab['revoke']
  readonly dials: ((request: DialRequest) => Promise<UpstreamConnection>)[]
  readonly open: (options: LabOptions) => Lab
}

function openSession(relay: Relay, options: LabOptions, shared: Shared): Lab {
  const client = memoryPair()
  const upstream = memoryPair()
  const notes: Note[] = []
  const tools: RunningTool[] = []
  const owned = withBuiltIns(profile(options.profile), options.phone !== undefined)
  let press: (key: string) => void = () => {}
  if (options.phone)
    Object.assign(client.link, {
      onKey: (callback: (key: string) => void) => {
        press = callback
      },
    })
  let ended = 0
  let dialled: DialRequest | undefined
  const connect = (): UpstreamConnection => ({
    link: upstream.link,
    dialect: options.upstreamDialect ?? 'ga',
    deployment: 'secret-deployment',
    service: options.upstreamName === undefined ? undefined : { name: options.upstreamName, provider: 'azure', address: 'contoso.example', port: 443 },
    privateWords: ['contoso.example'],
  })
  shared.dials.push((request) => {
    const { signal } = request
    dialled = request
    return options.dial ? options.dial(signal, connect) : Promise.resolve(connect())
  })
  relay.openSession({
    client: options.client?.(client.link) ?? client.link,
    dialect: options.clientDialect ?? 'ga',
    sessionId: 'sess-4711',
    identity: { subject: 'alice', issuer: undefined, tokenId: 'token-1', expiresAtMs: NOW + 3_600_000, claims: {}, ...options.identity },
    profile: owned,
    tools: {
      tools: owned.tools,
      run: (call, context) =>
        new Promise((resolve, reject) => {
          tools.push({ call, context, finish: (outcome = {}) => resolve({ output: 'result', outcome: 'ok', durationMs: 5, cut: false, ...outcome }), fail: reject })
        }),
    },
    guards: options.guards,
    requestedModel: options.requestedModel,
    trace: options.trace,
    phone: options.phone,
    recorder: {
      note: (note) => void notes.push(note),
      ...(options.traceparent && { traceparent: options.traceparent }),
      ...(options.record && { record: options.record }),
      ...(options.content && { content: options.content }),
    },
    onEnd: () => ended++,
  })
  const self: Lab = {
    relay,
    client: labPeer(client.peer),
    upstream: labPeer(upstream.peer),
    owned,
    notes,
    limits: shared.limits,
    usage: shared.usage,
    released: shared.released,
    tools,
    ended: () => ended,
    dialled: () => dialled,
    async live() {
      self.upstream.say({ type: 'session.created', event_id: 'event_0', session: { type: 'realtime', id: 'sess_1', instructions: 'default', tools: [] } })
      const update = await self.upstream.hear()
      if (update.type !== 'session.update') throw new Error(`not a session.update: ${update.type}`)
      self.upstream.say(updated(owned))
      const created = await self.client.hear()
      if (created.type !== 'session.created') throw new Error(`not a session.created: ${JSON.stringify(created)}`)
    },
    async pass(ms) {
      await settle()
      vi.advanceTimersByTime(ms)
      await settle()
    },
    press: (key) => press(key),
    revoke: shared.revoke,
    another: (more = {}) => shared.open(more),
    forget: () => void notes.splice(0),
    noted: (kind) => notes.filter((note) => note.type === kind) as never,
  }
  return self
}

function labPeer(peer: MemoryPeer): LabPeer {
  const take = async (): Promise<readonly string[]> => {
    await settle()
    return peer.drainInbox().map((message) => message.text)
  }
  return Object.assign(Object.create(peer, Object.getOwnPropertyDescriptors(peer)) as MemoryPeer, {
    say(event: object) {
      const text = JSON.stringify(event)
      peer.send(text)
      return text
    },
    hear: async () => JSON.parse((await peer.next()).text) as RealtimeEvent,
    rest: take,
    types: async () => (await take()).map((text) => (JSON.parse(text) as RealtimeEvent).type),
  })
}
