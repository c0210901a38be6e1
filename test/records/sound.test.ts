// The sound of a session on its clock: what was heard and nothing else, in files whose sizes are right, and bounded whatever comes.
import { describe, expect, it } from 'vitest'
import type { Frame } from '../../src/core/protocol/events.js'
import { createSessionRecord } from '../../src/records/session-record.js'
import { createSound, MOST_AHEAD_BYTES, putOff, type Segment, type Sound, type SoundSide, type Waiting } from '../../src/records/sound.js'
import { createSoundFiles, MOST_WAITING_BYTES } from '../../src/records/sound-files.js'
import { fc } from '../support/property.js'

const PCM = { inputBytesPerSecond: 48_000, outputBytesPerSecond: 48_000, transcriptionModel: undefined }

interface Lab {
  readonly sound: Sound
  readonly segments: Segment[]
  readonly full: number[]
  now: number
  speak(ms: number, value: number): void
  answer(ms: number, value: number, item?: string): void
  /** All samples of a side, from its first file on. */
  samples(side: SoundSide): Int16Array
}

function pcm(ms: number, value: number): Buffer {
  return Buffer.from(new Int16Array(ms * 24).fill(value).buffer)
}

function lab(): Lab {
  const segments: Segment[] = []
  const full: number[] = []
  const self = { now: 0, segments, full } as unknown as Lab
  const sound = createSound({ clock: () => self.now, onSegment: (segment) => void segments.push(segment), onFull: (_, __, bytes) => void full.push(bytes) })
  return Object.assign(self, {
    sound,
    speak: (ms: number, value: number) => sound.sink.spoken(frame('audio', pcm(ms, value))),
    answer: (ms: number, value: number, item = 'a') => sound.sink.answered(pcm(ms, value).toString('base64'), item),
    samples(side: SoundSide) {
      const all = Buffer.concat(segments.filter((one) => one.side === side).map(({ wav }) => wav.subarray(44)))
      return new Int16Array(all.buffer.slice(all.byteOffset, all.byteOffset + all.length))
    },
  })
}

function frame(name: string, bytes: Buffer): Frame {
  return Buffer.from(JSON.stringify({ type: 'input_audio_buffer.append', [name]: bytes.toString('base64') }))
}

/** Runs of the same value: `[value, milliseconds]`. */
function runs(samples: Int16Array): readonly (readonly [number, number])[] {
  const found: [number, number][] = []
  for (const value of samples) {
    const last = found.at(-1)
    if (last?.[0] === value) last[1] += 1 / 24
    else found.push([value, 1 / 24])
  }
  return found.map(([value, ms]) => [value, Math.round(ms)])
}

describe('the clock', () => {
  it('has the user at arrival and the answer as it is played, with silence between', () => {
    const one = lab()
    one.sound.begin()
    one.now = 1000
    one.speak(300, 5)
    one.now = 1350
    one.speak(100, 6)
    one.now = 2000
    one.answer(400, 7)
    one.answer(400, 8)
    one.now = 4000
    one.sound.end()
    expect(runs(one.samples('user'))).toEqual([
      [0, 1000],
      [5, 300],
      [6, 100],
      [0, 2600],
    ])
    expect(runs(one.samples('assistant'))).toEqual([
      [0, 2000],
      [7, 400],
      [8, 400],
      [0, 1200],
    ])
  })

  it('runs on in files of ten seconds', () => {
    const one = lab()
    one.sound.begin()
    for (let second = 0; second < 25; second++) {
      one.now = second * 1000
      one.speak(1000, second + 1)
      one.sound.tick()
    }
    one.now = 25_000
    one.sound.end()
    expect(one.segments.filter(({ side }) => side === 'user').map(({ fromMs, ms }) => [fromMs, ms])).toEqual([
      [0, 10_000],
      [10_000, 10_000],
      [20_000, 5000],
    ])
    expect(runs(one.samples('user'))).toEqual(Array.from({ length: 25 }, (_, at) => [at + 1, 1000]))
    for (const { wav } of one.segments) expect([wav.readUInt32LE(4), wav.readUInt32LE(40)]).toEqual([wav.length - 8, wav.length - 44])
  })

  it.each([
    ['pcmu', 7, 0xff],
    ['pcma', 6, 0xd5],
  ] as const)('keeps %s as it is, as WAV of format %i', (law, code, quiet) => {
    const one = lab()
    one.sound.sink.media({ ...PCM, inputBytesPerSecond: 8000, outputBytesPerSecond: 8000, inputLaw: law, outputLaw: law })
    one.sound.begin()
    one.sound.sink.spoken(frame('audio', Buffer.alloc(800, 0x11)))
    one.now = 200
    one.sound.end()
    const wav = one.segments[0]?.wav ?? Buffer.alloc(0)
    expect([wav.readUInt16LE(20), wav.readUInt32LE(24), wav.readUInt16LE(34)]).toEqual([code, 8000, 8])
    expect(wav.subarray(44).equals(Buffer.concat([Buffer.alloc(800, 0x11), Buffer.alloc(800, quiet)]))).toBe(true)
  })

  it('begins another file if the format changes', () => {
    const one = lab()
    one.sound.begin()
    one.sound.sink.media({ ...PCM, outputBytesPerSecond: 8000, outputLaw: 'pcma' })
    one.speak(100, 1)
    one.now = 500
    one.sound.sink.media({ ...PCM, inputBytesPerSecond: 8000, inputLaw: 'pcmu', outputBytesPerSecond: 8000, outputLaw: 'pcma' })
    one.now = 1000
    one.sound.end()
    expect(one.segments.map(({ side, fromMs, ms, format }) => [side, fromMs, ms, format.law])).toEqual([
      ['user', 0, 500, 'pcm16'],
      ['user', 500, 500, 'pcmu'],
      ['assistant', 0, 1000, 'pcma'],
    ])
  })
})

describe('a frame', () => {
  const audio = pcm(20, 5).toString('base64')
  it.each([
    `{"type":"input_audio_buffer.append","audio":"${audio}"}`,
    `{ "event_id" : "audio", "audio" : "${audio}" , "type" : "input_audio_buffer.append" }`,
    `{"audio":\n"${audio}","type":"input_audio_buffer.append"}`,
    `{"type":"input_audio_buffer.append","audio":"${audio.replaceAll('A', '\\u0041')}"}`,
  ])('gives its sound however it is spelled: %.40s', (text) => {
    const one = lab()
    one.sound.begin()
    one.sound.sink.spoken(Buffer.from(text))
    one.now = 20
    one.sound.end()
    expect(runs(one.samples('user'))).toEqual([[5, 20]])
  })

  it('that has none is none', () => {
    const one = lab()
    one.sound.begin()
    for (const text of ['{"type":"input_audio_buffer.append"}', '{"audio":7}', 'no']) one.sound.sink.spoken(Buffer.from(text))
    one.now = 20
    one.sound.end()
    expect(runs(one.samples('user'))).toEqual([[0, 20]])
  })
})

describe('what was not heard', () => {
  it.each([false, true])('is not there after an interruption (truncation told first: %s)', (told) => {
    const one = lab()
    one.sound.begin()
    one.answer(5000, 7)
    one.now = 1200
    if (told) one.sound.truncated('a', 1200)
    one.sound.sink.cleared(3800 * 48)
    one.answer(300, 8, 'b')
    one.now = 3000
    one.sound.end()
    expect(runs(one.samples('assistant'))).toEqual([
      [7, 1200],
      [8, 300],
      [0, 1500],
    ])
  })

  it('is not there after a truncation by the client, also of an item that is written in part', () => {
    const one = lab()
    one.sound.begin()
    one.answer(15_000, 7)
    one.now = 11_500
    one.sound.tick()
    one.sound.truncated('a', 11_400)
    one.now = 12_000
    one.answer(100, 8, 'b')
    one.now = 13_000
    one.sound.end()
    expect(runs(one.samples('assistant'))).toEqual([
      [7, 11_400],
      [0, 600],
      [8, 100],
      [0, 900],
    ])
  })

  it('is not there if the session ends before it is played', () => {
    const one = lab()
    one.sound.begin()
    one.answer(5000, 7)
    one.now = 700
    one.sound.end()
    expect(runs(one.samples('assistant'))).toEqual([[7, 700]])
  })

  it('is another matter than what was said faster than at wall time, just before the end', () => {
    const one = lab()
    one.sound.begin()
    one.answer(2000, 7)
    one.now = 100
    one.speak(1000, 5)
    one.sound.end()
    expect(runs(one.samples('user'))).toEqual([[5, 1000]])
    expect(runs(one.samples('assistant'))).toEqual([
      [7, 100],
      [0, 900],
    ])
  })

  it('waits for a client that is away', () => {
    const one = lab()
    one.sound.begin()
    one.sound.sink.away(true)
    one.answer(200, 7)
    one.now = 1000
    one.sound.sink.away(false)
    one.now = 2000
    one.sound.end()
    expect(runs(one.samples('assistant'))).toEqual([
      [0, 1000],
      [7, 200],
      [0, 800],
    ])
  })
})

describe('what may not be kept', () => {
  it('before consent and after its withdrawal is in no file', () => {
    const one = lab()
    one.speak(400, 1)
    one.answer(900, 2)
    one.now = 500
    one.sound.begin()
    one.speak(100, 3)
    one.now = 1000
    one.sound.end()
    one.speak(400, 4)
    one.now = 3000
    one.sound.end()
    expect(one.segments.map(({ side, fromMs, ms }) => [side, fromMs, ms])).toEqual([
      ['user', 500, 500],
      ['assistant', 500, 500],
    ])
    expect(runs(one.samples('user'))).toEqual([
      [3, 100],
      [0, 400],
    ])
    expect(runs(one.samples('assistant'))).toEqual([[0, 500]])
  })

  it('while paused is silence on both sides, and so is what was to be played then', () => {
    const one = lab()
    one.sound.begin()
    one.answer(1000, 7)
    one.now = 400
    one.sound.pause()
    one.speak(300, 1)
    one.answer(200, 8)
    one.now = 2000
    one.sound.go()
    one.speak(100, 2)
    one.now = 2500
    one.sound.end()
    expect(runs(one.samples('user'))).toEqual([
      [0, 2000],
      [2, 100],
      [0, 400],
    ])
    expect(runs(one.samples('assistant'))).toEqual([
      [7, 400],
      [0, 2100],
    ])
  })

  it('of an answer that was begun before is silence', () => {
    const one = lab()
    one.sound.skip('old')
    one.sound.begin()
    one.answer(300, 7, 'old')
    one.answer(300, 8, 'new')
    one.now = 1000
    one.sound.end()
    expect(runs(one.samples('assistant'))).toEqual([
      [0, 300],
      [8, 300],
      [0, 400],
    ])
  })
})

describe('bounds', () => {
  it('of what waits for a client that is away are the answer’s alone: the user is kept all the same', () => {
    const one = lab()
    one.sound.begin()
    one.sound.sink.away(true)
    for (let at = 0; at < 131; at++) one.answer(1000, 7)
    expect(one.full).toEqual([])
    one.speak(2000, 5)
    expect(one.full).toEqual([])
    one.now = 2000
    one.sound.end()
    expect(runs(one.samples('user'))).toEqual([[5, 2000]])
  })

  it('hold of what is not kept while the client is away: it is one piece for each item', () => {
    const waiting: Waiting[] = []
    for (const [itemId, bytes] of [
      ['a', undefined],
      ['a', undefined],
      ['a', pcm(1, 1)],
      ['a', undefined],
      ['b', undefined],
      ['b', undefined],
    ] as const)
      putOff(waiting, { bytes, length: 48, itemId })
    expect(waiting.map(({ bytes, length, itemId }) => [itemId, length, bytes?.length])).toEqual([
      ['a', 96, undefined],
      ['a', 48, 48],
      ['a', 48, undefined],
      ['b', 96, undefined],
    ])
  })

  it('hold of what is sent ahead: the rest is silence, and told', () => {
    const one = lab()
    one.sound.begin()
    for (let at = 0; at < 200; at++) one.answer(1000, 7)
    expect(one.full.length).toBe(200 - Math.floor(MOST_AHEAD_BYTES / 48_000))
  })

  it('hold of a disk that does not answer: what is beyond is a gap, and so is what the disk refuses', async () => {
    let release = () => undefined as undefined
    const stuck = new Promise<void>((resolve) => {
      release = () => void resolve() as undefined
    })
    const files = createSoundFiles({ sealing: { ending: '.age', seal: async (bytes) => bytes }, write: () => stuck, onFiles: () => undefined })
    const format = { law: 'pcm16', rate: 24_000 } as const
    const jobs = Array.from({ length: 8 }, (_, at) => files.add({ side: 'user', fromMs: at * 10_000, ms: 10_000, format, wav: Buffer.alloc(480_044) }))
    const fit = Math.floor(MOST_WAITING_BYTES / 480_044)
    expect(files.gaps).toEqual([{ what: 'sound', side: 'user', fromMs: fit * 10_000, ms: (8 - fit) * 10_000, why: 'disk' }])
    release()
    for (const job of jobs) await job()
    expect(files.list).toHaveLength(fit)
    const refused = createSoundFiles({ sealing: { ending: '', seal: async (bytes) => bytes }, write: () => Promise.reject(new Error('full')), onFiles: () => undefined })
    await refused.add({ side: 'user', fromMs: 0, ms: 10_000, format, wav: Buffer.alloc(44) })()
    expect(refused).toMatchObject({ list: [], gaps: [{ side: 'user', fromMs: 0, ms: 10_000, why: 'disk' }] })
  })

  it('whatever comes in whatever order, both sides have the same length and hold no more than was sent', () => {
    const step = fc.record({ what: fc.constantFrom('speak', 'answer', 'cleared', 'truncated', 'pause', 'go', 'tick', 'away', 'back'), ms: fc.nat(3000), after: fc.nat(4000) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const one = lab()
        one.sound.begin()
        let answered = 0
        for (const { what, ms, after } of steps) {
          one.now += after
          if (what === 'speak') one.speak(ms, 1)
          if (what === 'answer') one.answer(ms, 2)
          if (what === 'answer') answered += ms
          if (what === 'cleared') one.sound.sink.cleared(ms * 48)
          if (what === 'truncated') one.sound.truncated('a', ms)
          if (what === 'away' || what === 'back') one.sound.sink.away(what === 'away')
          if (what === 'pause' || what === 'go' || what === 'tick') one.sound[what]()
        }
        one.sound.end()
        const [user, assistant] = [one.samples('user'), one.samples('assistant')]
        expect(user.length).toBe(assistant.length)
        expect(user.length).toBeGreaterThanOrEqual(one.now * 24)
        expect(assistant.filter((value) => value === 2).length).toBeLessThanOrEqual(answered * 24)
      }),
    )
  })
})

interface Kept {
  readonly files: Map<string, Buffer>
  manifest(): { readonly gaps: readonly object[]; readonly files: readonly { readonly name: string }[] }
}

/** As told at the start: `on`, if nothing else is said. */
function kept(change: object, refuses: (name: string) => boolean = () => false, state: 'waiting' | 'on' = 'on') {
  const files = new Map<string, Buffer>()
  const self = { now: 0, lost: 0 }
  const write = async (name: string, bytes: Uint8Array) => {
    if (refuses(name)) throw new Error('no place')
    files.set(name, Buffer.from(bytes))
  }
  const session = { sessionId: 's', person: 'p', profile: 'default', keeps: 'audio', pausing: new Set(['pay']), ...change } as const
  const sealing = { ending: '.age', seal: async (bytes: Buffer) => bytes } as const
  const clock = () => self.now
  const spool = { begin: async () => ({ write, finish: () => undefined, remade: 0 }) }
  const options = {
    spool,
    sealing,
    sealSound: sealing,
    redact: (text: string) => text,
    now: clock,
    clock,
    writeMs: 1000,
    onLost: () => void self.lost++,
    onKept: () => void self.lost--,
  }
  const record = createSessionRecord(session, options, () => undefined)
  record.recorder.record?.({ type: 'state', state, atMs: 0 })
  const manifest = (): ReturnType<Kept['manifest']> => JSON.parse(String(files.get('manifest.json')))
  return Object.assign(self, { record, files, manifest } satisfies Kept & { record: unknown })
}

describe('a record', () => {
  it('on a disk that refuses says in the manifest what is missing', async () => {
    const one = kept({}, (name) => name.startsWith('user-'))
    one.record.recorder.sound?.answered(pcm(500, 3).toString('base64'), 'a')
    one.now = 2000
    await one.record.close()
    expect(one.manifest()).toMatchObject({ keeps: 'audio', end: 'complete', gaps: [{ what: 'sound', side: 'user', fromMs: 0, ms: 2000, why: 'disk' }] })
    expect(one.manifest().files.map(({ name }) => name)).toEqual(['turns.jsonl.age', 'assistant-0001.wav.age'])
    expect(one.lost).toBe(0)
  })

  it('is silent from a tool that pauses it until the answer that follows', async () => {
    const one = kept({})
    const { recorder } = one.record
    const speak = (value: number) => {
      recorder.sound?.spoken(frame('audio', pcm(100, value)))
      one.now += 500
    }
    speak(1)
    recorder.note({ type: 'tool_started', callId: 'c', tool: 'pay' })
    speak(2)
    recorder.note({ type: 'tool_finished', callId: 'c', tool: 'pay', outcome: 'ok', durationMs: 1, cut: false })
    speak(3)
    recorder.record?.({ type: 'said', who: 'assistant', itemId: 'a', atMs: 1500, text: 'Paid.', spoken: true })
    speak(4)
    await one.record.close()
    const sound = one.files.get('user-0001.wav.age')?.subarray(44) ?? Buffer.alloc(0)
    expect(runs(new Int16Array(sound.buffer.slice(sound.byteOffset, sound.byteOffset + sound.length)))).toEqual([
      [1, 100],
      [0, 1400],
      [4, 100],
      [0, 400],
    ])
  })

  it('follows consent: files begin with it and end with its withdrawal', async () => {
    const one = kept({}, undefined, 'waiting')
    const { recorder } = one.record
    const speak = () => recorder.sound?.spoken(frame('audio', pcm(100, 1)))
    for (const state of ['on', 'stopped'] as const) {
      speak()
      one.now += 1000
      recorder.record?.({ type: 'state', state, atMs: one.now })
    }
    speak()
    one.now += 1000
    await one.record.close()
    expect(one.manifest().files.slice(1)).toMatchObject([
      { name: 'user-0001.wav.age', fromMs: 1000, ms: 1000 },
      { name: 'assistant-0001.wav.age', fromMs: 1000, ms: 1000 },
    ])
  })

  it('of a call whose sound goes past the relay says so', async () => {
    const one = kept({ keeps: 'transcript', soundPasses: true })
    expect(one.record.recorder.sound).toBeUndefined()
    one.record.recorder.record?.({ type: 'said', who: 'user', itemId: 'a', atMs: 0, text: 'Hello.', spoken: true })
    await one.record.close()
    expect(one.manifest()).toMatchObject({ keeps: 'transcript', gaps: [{ what: 'sound', why: 'not_through_relay' }] })
    expect([...one.files.keys()]).toEqual(['turns.jsonl.age', 'manifest.json'])
  })
})
