// Micro-benchmarks of core's work for each frame and event: nanoseconds per call, in plain loops, beside a naive implementation.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { SessionProfile } from '../../src/core/policy/profile.js'
import { CLIENT_LIMITS, decodeEvent, encodeEvent, UPSTREAM_LIMITS } from '../../src/core/protocol/codec.js'
import { dialectFor } from '../../src/core/protocol/dialects.js'
import type { Frame, RealtimeEvent } from '../../src/core/protocol/events.js'
import { audioDeltaTypeAt, clientAudioBytes, spliceAudioDeltaType } from '../../src/core/protocol/fast-lane.js'
import type { Input } from '../../src/core/session/inputs.js'
import { openingState, type SessionState } from '../../src/core/session/state.js'
import { step } from '../../src/core/session/step.js'
import { audioPayload, filler } from './audio-frames.js'
import { closeResponse, GaSession, openResponse } from './ga-session.js'
import { median } from './results.js'

const SAMPLES = 9
const SAMPLE_MS = 40

/** Keeps results alive, so that the compiler cannot remove a call. */
const kept: { last: unknown } = { last: undefined }

interface Figure {
  readonly name: string
  readonly nanos: number
}

/** Median over nine samples of about 40 ms each, after as much warm-up. */
function time(name: string, call: () => unknown): Figure {
  let calls = 1
  for (let took = 0; took < SAMPLE_MS / 2; calls *= 2) {
    took = run(call, calls)
  }
  const samples = Array.from({ length: SAMPLES }, () => (run(call, calls) * 1e6) / calls)
  return { name, nanos: median(samples) }
}

/** Milliseconds for so many calls. */
function run(call: () => unknown, calls: number): number {
  const started = performance.now()
  for (let i = 0; i < calls; i++) kept.last = call()
  return performance.now() - started
}

const SIZES = [
  { label: '1.3 kB', chars: 1280 },
  { label: '6.4 kB', chars: 6400 },
  { label: '32 kB', chars: 32_768 },
] as const

function laneFigures(): Figure[] {
  const [ga, preview] = [dialectFor('ga').audioDeltaType, dialectFor('preview').audioDeltaType]
  const gaBytes = Buffer.from(ga)
  return SIZES.flatMap(({ label, chars }) => {
    const append: Frame = audioPayload('up', filler(chars), 0)
    const withId: Frame = Buffer.from(`{"event_id":"evt_1","type":"input_audio_buffer.append","audio":"${filler(chars)}"}`)
    const delta: Frame = audioPayload('down', filler(chars), 0)
    return [
      time(`clientAudioBytes, ${label}`, () => clientAudioBytes(append)),
      time(`clientAudioBytes, event_id first, ${label}`, () => clientAudioBytes(withId)),
      time(`audioDeltaTypeAt, ${label}`, () => audioDeltaTypeAt(delta, gaBytes)),
      // Each call changes its frame, so the figure includes the copy that makes a new one.
      time(`spliceAudioDeltaType to preview and a copy, ${label}`, () => spliceAudioDeltaType(Buffer.from(delta), '{"type":"'.length, ga, preview)),
      time(`naive: JSON.parse, ${label}`, () => JSON.parse(append.toString())),
      time(`naive: parse and stringify, ${label}`, () => JSON.stringify(JSON.parse(append.toString()))),
    ]
  })
}

const [created, itemAdded, , partAdded] = openResponse(0)
const [, , , , , done] = closeResponse(0)
const transcriptDelta = Buffer.from(
  '{"type":"response.output_audio_transcript.delta","event_id":"event_1","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,"delta":"Hello there"}',
)
const clientUpdate = Buffer.from('{"type":"session.update","event_id":"evt_1","session":{"type":"realtime","audio":{"output":{"voice":"marin"}}}}')

function decoded(frame: Frame | undefined): RealtimeEvent {
  const result = decodeEvent(frame ?? Buffer.alloc(0), UPSTREAM_LIMITS)
  if (!result.ok) throw new Error(`not an event: ${result.problem}`)
  return result.event
}

function codecFigures(): Figure[] {
  const frames: readonly (readonly [string, Frame])[] = [
    ['transcript delta', transcriptDelta],
    ['session.update', clientUpdate],
    ['session.created', new GaSession().created()],
    ['response.done', done ?? transcriptDelta],
    ['append of 6.4 kB', audioPayload('up', filler(6400), 0)],
  ]
  return frames.flatMap(([name, frame]) => {
    const event = decoded(frame)
    return [
      time(`decodeEvent, ${name} (${frame.length} bytes)`, () => decodeEvent(frame, CLIENT_LIMITS)),
      time(`naive: JSON.parse, ${name}`, () => JSON.parse(frame.toString())),
      time(`encodeEvent, ${name}`, () => encodeEvent(event)),
    ]
  })
}

const PROFILE: SessionProfile = {
  name: 'default',
  instructions: 'You are the voice of a library. Answer in one sentence.',
  tools: [
    {
      definition: { type: 'function', name: 'find_book', description: 'Finds a book.', parameters: { type: 'object', properties: { title: { type: 'string' } } } },
      owner: 'server',
    },
  ],
  session: {},
  clientMaySet: new Set(['audio.output.voice']),
  clientMaySeedHistory: false,
  forwardRateLimits: false,
  relayEvents: false,
  limits: {
    maxSessionMs: 3_600_000,
    idleTimeoutMs: 600_000,
    configureTimeoutMs: 10_000,
    toolMaxRounds: 8,
    toolMaxConcurrent: 4,
    toolCallsPerMinute: 60,
    toolApprovalMs: 30_000,
    maxViolations: 20,
    responsesPerMinute: 1e9,
    sessionUpdatesPerMinute: 1e9,
    maxItems: 1e6,
  },
}

/** A session that the mock upstream has configured. Throws if it does not go live. */
function liveState(): SessionState {
  const upstream = new GaSession()
  const caller = { subject: 'bench', issuer: undefined }
  const seed = { profile: PROFILE, relayIdPrefix: 'relay_bench00000_', requestedModel: undefined, now: 0, caller, expiresAt: 3_600_000 }
  const [dialling] = step(openingState(seed), { type: 'client.attached' }, 0)
  let [state] = step(dialling, { type: 'upstream.opened', leg: 1, privateWords: [] }, 0)
  let pending: Buffer[] = [upstream.created()]
  while (pending.length > 0) {
    const next: Buffer[] = []
    for (const frame of pending) {
      const [after, actions] = step(state, { type: 'upstream.event', leg: 1, event: decoded(frame), frame }, 0)
      state = after
      for (const action of actions) if (action.type === 'send' && action.to === 'upstream') next.push(...upstream.answer(action.event, 0))
    }
    pending = next
  }
  if (state.upstream.phase !== 'ready') throw new Error(`the upstream is ${state.upstream.phase}, not ready`)
  return state
}

function stepFigures(): Figure[] {
  const live = liveState()
  const [speaking] = step(live, { type: 'upstream.event', leg: 1, event: decoded(created), frame: created }, 0)
  const fromUpstream = (frame: Frame | undefined): Input => ({ type: 'upstream.event', leg: 1, event: decoded(frame), frame })
  const inputs: readonly (readonly [string, SessionState, Input])[] = [
    ['tick', live, { type: 'tick', clientActiveAt: 1000 }],
    ['session.update of a client', live, { type: 'client.event', event: decoded(clientUpdate) }],
    ['response.create of a client', live, { type: 'client.event', event: { type: 'response.create' } }],
    ['an event nobody knows, of a client', live, { type: 'client.event', event: { type: 'unheard.of' } }],
    ['response.created', live, fromUpstream(created)],
    ['response.output_item.added', speaking, fromUpstream(itemAdded)],
    ['response.content_part.added', speaking, fromUpstream(partAdded)],
    ['transcript delta', speaking, fromUpstream(transcriptDelta)],
    ['response.done', speaking, fromUpstream(done)],
  ]
  return inputs.map(([name, state, input]) => time(`step, ${name}`, () => step(state, input, 1000)))
}

function main(): void {
  const { values } = parseArgs({ options: { json: { type: 'string' } } })
  const groups = { lane: laneFigures(), codec: codecFigures(), step: stepFigures() }
  for (const [group, figures] of Object.entries(groups)) {
    console.log(`\n${group}, ns a call`)
    for (const { name, nanos } of figures) console.log(`  ${name.padEnd(52)} ${nanos.toFixed(nanos < 100 ? 1 : 0).padStart(8)}`)
  }
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ node: process.version, groups }, null, 2)}\n`)
}

main()
