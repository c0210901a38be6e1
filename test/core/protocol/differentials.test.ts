// Properties of the text that goes upstream: every parser reads the same event, the server's part is unchanged, and a second filter changes nothing.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { judgeClientEvent } from '../../../src/core/policy/client-rules.js'
import type { SessionView } from '../../../src/core/policy/policy.js'
import { CLIENT_LIMITS, decodeEvent, encodeEvent } from '../../../src/core/protocol/codec.js'
import type { JsonObject, RealtimeEvent } from '../../../src/core/protocol/events.js'
import { clientAudioBytes } from '../../../src/core/protocol/fast-lane.js'
import { hostileFrame, mutatedFrame } from '../../support/hostile-json.js'
import { profile } from '../../support/playbook.js'
import { fc } from '../../support/property.js'
import { hasShared, neededShared, sharedJson, sharedPath } from '../../support/shared.js'
import { generous, HIDDEN, view } from '../../support/view.js'
import { asMaps, foldKeys, READINGS, readJson } from './json-reader.js'

const RUNS = { numRuns: 1500 }
const VIEWS: readonly SessionView[] = [view(), generous({ clientMaySeedHistory: true })]

/** The text that would go upstream for a client's frame; undefined if none would. */
function upstreamText(frame: string | Buffer, seenBy: SessionView): string | undefined {
  const decoded = decodeEvent(Buffer.from(frame as string), CLIENT_LIMITS)
  if (!decoded.ok) return undefined
  const verdict = judgeClientEvent(decoded.event, seenBy)
  if (verdict.type === 'replace') return encodeEvent(verdict.event)
  expect(verdict.type).toBe('reject')
  return undefined
}

function everyReaderAgrees(text: string): void {
  const parsed: unknown = JSON.parse(text)
  for (const reading of READINGS) expect(readJson(text, reading)).toEqual(reading.foldCase ? foldKeys(parsed) : asMaps(parsed))
  // Folding must not have merged keys either: as many remain as there are.
  expect(countKeys(foldKeys(parsed))).toBe(countKeys(asMaps(parsed)))
  expect(Buffer.from(text).toString()).toBe(text)
}

function countKeys(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, inner) => sum + countKeys(inner), 0)
  return value instanceof Map ? [...value.values()].reduce((sum: number, inner) => sum + countKeys(inner), value.size) : 0
}

const RESPONSE_FIELDS = new Set(['audio', 'output_modalities', 'max_output_tokens', 'metadata'])
const TOP_FIELDS = new Set(['type', 'event_id', 'session', 'response', 'response_id', 'item', 'item_id', 'previous_item_id', 'content_index', 'audio_end_ms', 'audio'])

function nothingLockedDiffers(event: RealtimeEvent, seenBy: SessionView): void {
  expect(Object.keys(event).filter((key) => !TOP_FIELDS.has(key))).toEqual([])
  const { type, session, response, item } = event as RealtimeEvent & { session?: JsonObject; response?: JsonObject; item?: JsonObject }
  if (type === 'session.update') {
    const owned = seenBy.profile
    expect(session).toMatchObject({ type: 'realtime', instructions: owned.instructions, tool_choice: 'auto' })
    expect(session?.tools).toEqual(owned.tools.map((tool) => tool.definition))
    for (const locked of ['prompt', 'tracing', 'model', 'instructions_override']) expect(Object.hasOwn(session ?? {}, locked)).toBe(false)
    expect(JSON.stringify(session)).not.toMatch(/"(prompt|keywords|server_url)":/)
  } else expect(session).toBeUndefined()
  if (response) expect(Object.keys(response).filter((key) => !RESPONSE_FIELDS.has(key))).toEqual([])
  if (item) {
    expect(['message', 'function_call_output']).toContain(item.type)
    if (item.type === 'message') expect(seenBy.profile.clientMaySeedHistory ? ['user', 'assistant'] : ['user']).toContain(item.role)
    else expect(item.call_id).toBe('call_open')
  }
  for (const id of [event.item_id, event.previous_item_id, item?.id]) expect(id).not.toBe(HIDDEN)
}

function holds(frame: string): void {
  for (const seenBy of VIEWS) {
    const text = upstreamText(frame, seenBy)
    if (text === undefined) continue
    everyReaderAgrees(text)
    nothingLockedDiffers(JSON.parse(text) as RealtimeEvent, seenBy)
    expect(upstreamText(text, seenBy)).toBe(text)
  }
}

describe('any frame of a client', () => {
  it('as an almost-event', () => {
    fc.assert(fc.property(hostileFrame, holds), RUNS)
  })

  it('as a legitimate event with a piece put in', () => {
    fc.assert(fc.property(mutatedFrame, holds), RUNS)
  })

  it('reaches upstream often enough for the properties to be tested', () => {
    const sample = fc.sample(fc.oneof(hostileFrame, mutatedFrame), { numRuns: 4000 })
    const passed = sample.map((frame) => upstreamText(frame, view())).filter((text) => text !== undefined)
    expect(passed.length).toBeGreaterThan(200)
    expect(new Set(passed.map((text) => (JSON.parse(text) as RealtimeEvent).type)).size).toBeGreaterThanOrEqual(8)
  })

  it('is refused if two parsers would read two different events', () => {
    const odd = fc.oneof(hostileFrame, mutatedFrame).filter((frame) => {
      try {
        return JSON.stringify(foldOut(readJson(frame, READINGS[0]!))) !== JSON.stringify(foldOut(readJson(frame, READINGS[1]!)))
      } catch {
        return false
      }
    })
    fc.assert(
      fc.property(odd, (frame) => decodeEvent(Buffer.from(frame), CLIENT_LIMITS).ok === false),
      { ...RUNS, numRuns: 300 },
    )
  })

  it('is read alike by all parsers on the fast lane and equals what the slow path would send', () => {
    const append = fc.oneof(
      mutatedFrame.filter((frame) => frame.includes('append')),
      fc.string({ unit: fc.constantFrom(...'AZaz09+/=-_'), maxLength: 40 }).map((audio) => `{"type":"input_audio_buffer.append","audio":"${audio}"}`),
    )
    fc.assert(
      fc.property(append, (frame) => {
        if (clientAudioBytes(Buffer.from(frame)) < 0) return
        everyReaderAgrees(frame)
        const slow = upstreamText(frame, view())
        // The lane leaves the base64 alphabet to the upstream. Otherwise a frame that it passes is the same event.
        if (slow !== undefined) expect(JSON.parse(slow)).toEqual(JSON.parse(frame))
      }),
      RUNS,
    )
  })
})

function foldOut(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(foldOut)
  return value instanceof Map ? [...value].map(([key, inner]) => [key, foldOut(inner)]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)) : value
}

const suite = 'corpora/json-test-suite'
describe.skipIf(!hasShared(suite))(`JSONTestSuite${neededShared(suite)}`, () => {
  const files = hasShared(suite)
    ? ['test_parsing', 'test_transform'].flatMap((folder) =>
        readdirSync(sharedPath(`${suite}/${folder}`)).map((name) => ({ name, bytes: readFileSync(sharedPath(`${suite}/${folder}/${name}`)) })),
      )
    : []
  const within = (bytes: Buffer, before: string, after: string) => Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)])
  const places = (bytes: Buffer): readonly Buffer[] => [
    bytes,
    within(bytes, '{"type":"response.create","x":', '}'),
    within(bytes, '{"type":"response.create","response":', '}'),
    within(bytes, '{"type":"session.update","session":{"audio":{"output":{"voice":', '}}}}'),
  ]

  it('is there', () => expect(files.length).toBeGreaterThan(150))

  for (const { name, bytes } of files) {
    it(name, () => {
      for (const [index, frame] of places(bytes).entries()) {
        const text = upstreamText(frame, view())
        if (name.startsWith('n_') && (index === 0 || !isJson(frame))) expect(text).toBeUndefined()
        if (text !== undefined) everyReaderAgrees(text)
      }
      if (!name.startsWith('y_')) return
      const decoded = decodeEvent(places(bytes)[1]!, CLIENT_LIMITS)
      // Two limits of ours are stricter than JSON, and said so to the client.
      expect(decoded.ok || ['duplicate_key', 'bad_number'].includes(decoded.problem)).toBe(true)
    })
  }
})

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString())
    return true
  } catch {
    return false
  }
}

const naughty = 'corpora/naughty-strings/blns.json'
describe.skipIf(!hasShared(naughty))(`naughty strings${neededShared(naughty)}`, () => {
  const strings = hasShared(naughty) ? sharedJson<string[]>(naughty) : []
  const sent = (event: object): RealtimeEvent | undefined => {
    const text = upstreamText(JSON.stringify(event), view())
    return text === undefined ? undefined : (JSON.parse(text) as RealtimeEvent)
  }

  it('are there', () => expect(strings.length).toBeGreaterThan(200))

  it('arrive unchanged as what the user says', () => {
    for (const text of strings) {
      const item = { type: 'message', role: 'user', content: [{ type: 'input_text', text }] }
      expect(sent({ type: 'conversation.item.create', item })).toEqual({ type: 'conversation.item.create', item })
    }
  })

  it('arrive unchanged as the result of a client tool and as metadata', () => {
    for (const text of strings) {
      const item = { type: 'function_call_output', call_id: 'call_open', output: text }
      expect(sent({ type: 'conversation.item.create', item })?.item).toEqual(item)
      if (text.length <= 512) expect(sent({ type: 'response.create', response: { metadata: { text } } })?.response).toEqual({ metadata: { text } })
    }
  })

  it('are kept or refused as ids, never changed', () => {
    for (const text of strings) {
      expect([undefined, text]).toContain(sent({ type: 'response.create', event_id: text })?.event_id)
      const item = sent({ type: 'conversation.item.create', item: { id: text, type: 'message', role: 'user', content: [] } })?.item as JsonObject | undefined
      expect([undefined, text]).toContain(item?.id)
    }
  })
})

describe('the profile', () => {
  it('is never changed by these events', () => {
    const owned = profile()
    const before = JSON.stringify(owned)
    fc.assert(
      fc.property(hostileFrame, (frame) => {
        upstreamText(frame, { ...view(), profile: owned })
      }),
      { ...RUNS, numRuns: 300 },
    )
    expect(JSON.stringify(owned)).toBe(before)
  })
})
