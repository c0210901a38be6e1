// Every recorded session, cut after each of its events: the client's stream stays in order, nothing stays open, and no call is answered twice.
import { describe, expect, it } from 'vitest'
import type { ToolOwner } from '../../src/core/policy/profile.js'
import type { JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { wireFor } from '../../src/core/protocol/wires.js'
import { SaidSoFar } from '../../src/relay/said.js'
import { comesBack, echo, lose, restorable } from '../core/session/restore/lost-upstream.js'
import type { ReceivedEvent } from '../support/event-log.js'
import { ev, type Play, updated } from '../support/playbook.js'
import { hasShared, neededShared } from '../support/shared.js'
import { orderProblems } from '../support/stream-order.js'
import { profileOf, type RecordedLine, type Recording, recordings } from './recording.js'

const ALL = ['azure-ga', 'openai-ga', 'azure-voice-live'].flatMap((folder) => recordings(folder).map((recording) => ({ ...recording, lines: inGa(recording) })))
const AUDIO = { input: { turn_detection: { type: 'server_vad', create_response: true }, transcription: { model: 'whisper-1' } } }
const PCM_BYTES_PER_SECOND = 48_000

describe.skipIf(!hasShared('recordings'))(`a recording cut after any event${neededShared('recordings')}`, () => {
  describe.each(ALL)('$name', (recording) => {
    it.each<[ToolOwner, string, number]>([
      ['client', 'all audio is kept', 0],
      ['server', 'all audio is kept', 0],
      ['server', 'none is', Number.POSITIVE_INFINITY],
    ])('with tools of the %s, and %s', (owner, _what, keptFromMs) => {
      const failures: string[] = []
      for (let cut = 1; cut <= recording.lines.length; cut++) {
        const after = recording.lines[cut - 1]?.event.type
        for (const problem of problemsOf(recording, owner, cut, keptFromMs)) failures.push(`${cut} ${after}: ${problem}`)
      }
      expect(failures).toEqual([])
    })
  })
})

/** In the spelling that core reads. */
function inGa({ name, lines }: Recording): readonly RecordedLine[] {
  if (!name.startsWith('azure-voice-live')) return lines
  const wire = wireFor('voice-live', 'upstream')
  return lines.flatMap((line): readonly RecordedLine[] => {
    if (line.from === 'client' || line.event.type.startsWith('session.')) return [line]
    const reading = wire.read(Buffer.from(JSON.stringify(line.event)), false)
    return reading.ok ? reading.events.map((event) => ({ from: 'server', event })) : []
  })
}

function problemsOf(recording: Recording, owner: ToolOwner, cut: number, keptFromMs: number): readonly string[] {
  const p = restorable(profileOf(recording, owner))
  const inForce = updated(p.state.profile)
  p.upstream({ ...inForce, session: { ...(inForce.session as JsonObject), audio: AUDIO } })
  const said = new SaidSoFar()
  const renamed = new Map<string, string>()
  const started: string[] = []
  let audioBytes = 0
  for (const line of recording.lines.slice(0, cut)) {
    const event = JSON.parse(JSON.stringify(line.event, (_key, value) => (typeof value === 'string' ? (renamed.get(value) ?? value) : value))) as RealtimeEvent
    if (event.type.startsWith('session.')) continue
    if (line.from === 'server') {
      if (event.type === 'response.output_audio.delta') audioBytes += Math.floor((String(event.delta).length * 3) / 4)
      said.heard(event, audioBytes)
      started.push(...startsIn(p.upstream(event)))
    } else if (owner === 'server' && isOutput(line)) {
      const item = event.item as { output: string; call_id: string }
      const before = p.allTo('upstream').length
      p.toolFinished(item.call_id, item.output)
      const own = p.allTo('upstream').slice(before)[0]?.item as JsonObject | undefined
      const recorded = recording.lines.find(
        ({ from, event: told }) =>
          from === 'server' && (told.item as JsonObject | undefined)?.call_id === item.call_id && (told.item as JsonObject).type === 'function_call_output',
      )
      if (own && recorded) renamed.set(String((recorded.event.item as JsonObject).id), String(own.id))
    } else if (!(owner === 'server' && event.type === 'response.create' && p.state.responses.ourRequest)) {
      if (event.type === 'input_audio_buffer.append') p.heard = { totalMs: p.heard.totalMs + (String(event.audio).length * 0.75) / 48, keptFromMs }
      p.client(event)
    }
  }
  lose(p, said.soFar(audioBytes, PCM_BYTES_PER_SECOND))
  const before = p.allTo('upstream').length
  const back = comesBack(p, AUDIO)
  started.push(...startsIn(back.lines))
  if (p.state.upstream.phase !== 'ready') return ['never live again']
  answerAll(p, before)
  for (const call of [...p.state.calls.server.values()]) if (call.atWork) p.toolFinished(call.callId)
  answerAll(p, before)
  const sounds = p.state.restored.committed
  const asText = back.items.filter(({ id, role }) => role === 'user' && sounds.has(String(id))).map(({ id }) => `told ${String(id)} as text and as sound`)
  const commits = p.allTo('client').flatMap((event) => (event.type === 'input_audio_buffer.committed' ? [String(event.item_id)] : []))
  const problems = [
    ...asText,
    ...(new Set(commits).size < commits.length ? [`committed twice: ${commits.join()}`] : []),
    ...back.heard.filter((id) => JSON.stringify(p.allTo('client')).includes(`"${id}"`)).map((id) => `the client hears of ${id}`),
    ...orderProblems(p.allTo('client') as unknown as ReceivedEvent[]),
  ]
  if (new Set(started).size !== started.length) problems.push(`started twice: ${started.join()}`)
  const { active, ourRequest, clientRequest, unanswered, hiddenResponse } = p.state.responses
  if (active || ourRequest || clientRequest || hiddenResponse) problems.push(`under way: ${JSON.stringify({ active, ourRequest, clientRequest, hiddenResponse })}`)
  if (unanswered.size > 0) problems.push('results without an answer')
  if (p.state.underWay.responses.length > 0) problems.push('a response is open')
  if (p.allTo('client').some(({ type }) => type === 'error')) problems.push(`error: ${JSON.stringify(p.lastTo('client'))}`)
  return problems
}

const answered = new WeakSet<RealtimeEvent>()
let answers = 0

/** A new upstream that takes every item it is sent, and answers every request with one written message. */
function answerAll(p: Play, from: number): void {
  for (let at = from; at < p.allTo('upstream').length; at++) {
    const event = p.allTo('upstream')[at] as RealtimeEvent
    if (answered.has(event) || String(event.event_id).includes('_replay_')) continue
    answered.add(event)
    if (event.type === 'conversation.item.create') {
      const item = { id: `new_${++answers}`, ...(event.item as JsonObject) }
      echo(p, item)
    } else if (event.type === 'response.create') {
      const id = `again_${++answers}`
      const item = { ...ev.message(`${id}_item`), status: 'in_progress', content: [] }
      p.upstream(ev.created(id))
      p.upstream(ev.itemAdded(id, item))
      p.upstream(ev.added(item))
      p.upstream({ type: 'conversation.item.done', event_id: 'e', item: ev.message(`${id}_item`) })
      p.upstream(ev.itemDone(id, ev.message(`${id}_item`)))
      p.upstream(ev.done(id, [ev.message(`${id}_item`)]))
    }
  }
}

function startsIn(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => line.startsWith('start '))
}

function isOutput({ event }: RecordedLine): boolean {
  return event.type === 'conversation.item.create' && (event.item as JsonObject).type === 'function_call_output'
}
