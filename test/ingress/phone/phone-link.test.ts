// The telephone as a session's client: audio passes undecoded both ways, and everything that waits or comes wrong has a bound.
import { describe, expect, it } from 'vitest'
import { appendOf, audioBytes, audioOf, isBase64 } from '../../../src/ingress/phone/delta.js'
import { PhoneLink } from '../../../src/ingress/phone/phone-link.js'
import { collected } from '../../support/collected.js'
import { type MemoryPeer, memoryPair, settle } from '../../support/memory-link.js'
import { fakeFraming } from '../../support/phone-lab.js'
import { fc } from '../../support/property.js'

const audio = (bytes: number, fill = 1) => Buffer.alloc(bytes, fill).toString('base64')
const delta = (base64: string, item = 'item_1') =>
  JSON.stringify({ type: 'response.output_audio.delta', event_id: 'e', response_id: 'r', item_id: item, output_index: 0, content_index: 0, delta: base64 })

interface Rig {
  readonly link: PhoneLink
  readonly heard: string[]
  readonly keys: string[]
  readonly told: string[]
  readonly clock: { now: number }
  attach(): MemoryPeer
}

function rig(format: 'pcm' | 'pcmu' = 'pcm', marks = false, reads = true): Rig {
  const heard: string[] = []
  const keys: string[] = []
  const told: string[] = []
  const clock = { now: 1_000 }
  const owner = {
    onLost: () => void told.push('lost'),
    onStop: () => void told.push('stop'),
    onClosed: () => void told.push('closed'),
    onFilled: (why: string) => void told.push(`filled ${why}`),
  }
  const link = new PhoneLink(fakeFraming(format, marks), owner, () => clock.now)
  link.onFrame((frame, isBinary) => heard.push(`${isBinary ? 'binary ' : ''}${frame.toString()}`))
  link.onKey((key) => keys.push(key))
  link.onClose((code) => told.push(`end ${code}`))
  if (reads) link.resume()
  return {
    link,
    heard,
    keys,
    told,
    clock,
    attach() {
      const pair = memoryPair()
      expect(link.attach(pair.link)).toBe(true)
      return pair.peer
    },
  }
}

const texts = (peer: MemoryPeer) => peer.drainInbox().map(({ text }) => text)
const append = (base64: string) => `{"type":"input_audio_buffer.append","audio":"${base64}"}`

describe('a caller’s audio', () => {
  it('becomes one append a frame, the carrier’s text as it was', async () => {
    const { heard, attach } = rig()
    const peer = attach()
    peer.send(`a0:${audio(960)}`)
    peer.send(`a20:${audio(960, 2)}`)
    peer.send('?')
    await settle()
    expect(heard).toEqual([append(audio(960)), append(audio(960, 2))])
  })

  it.each([['"},{"a":"'], ['AAA'], ['AA=A'], ['AAAA\\u0022'], ['ÄAAA'], ['AAA\n'], [''], ['====']])('is refused if it is no base64: %s', async (text) => {
    const { heard, attach } = rig()
    const peer = attach()
    peer.send(`a0:${text}`)
    await settle()
    expect(heard).toEqual([])
    expect(isBase64(text)).toBe(false)
  })

  it('waits for the session for five seconds, and then the oldest is dropped', async () => {
    const { link, heard, attach } = rig('pcm', false, false)
    const peer = attach()
    for (let i = 0; i < 300; i++) peer.send(`a${i * 20}:${Buffer.alloc(960, i % 256).toString('base64')}`)
    await settle()
    expect(heard).toEqual([])
    link.resume()
    expect(heard).toHaveLength(250)
    expect(heard[0]).toBe(append(Buffer.alloc(960, 50).toString('base64')))
    expect(heard.at(-1)).toBe(append(Buffer.alloc(960, 299 % 256).toString('base64')))
  })

  it('stays in order if the session stops reading in the middle of what waited', async () => {
    const { link, heard, attach } = rig('pcm', false, false)
    const peer = attach()
    const all = Array.from({ length: 6 }, (_, i) => append(audio(960, i)))
    link.onFrame((frame) => {
      heard.push(frame.toString())
      if (heard.length === 2) link.pause()
    })
    for (let i = 0; i < 5; i++) peer.send(`a${i * 20}:${audio(960, i)}`)
    await settle()
    link.resume()
    expect(heard).toEqual(all.slice(0, 2))
    peer.send(`a100:${audio(960, 5)}`)
    await settle()
    link.resume()
    expect(heard).toEqual(all)
  })

  it('a jump of the carrier’s clock becomes silence before the frame, in events of a second', async () => {
    const { heard, told, attach } = rig('pcmu')
    const peer = attach()
    peer.send(`a0:${audio(160)}`)
    peer.send(`a2520:${audio(160, 9)}`)
    await settle()
    const silent = heard.slice(1, -1).map((text) => Buffer.from(JSON.parse(text).audio, 'base64'))
    expect(Buffer.concat(silent)).toEqual(Buffer.alloc(2_499 * 8, 0xff))
    expect(Math.max(...silent.map(({ length }) => length))).toBeLessThanOrEqual(8_000)
    expect(heard.at(-1)).toBe(append(audio(160, 9)))
    expect(told).toEqual(['filled jump'])
  })

  it('silence stands for a carrier that sends nothing, also while its socket is lost, but not before the first or while nobody reads', async () => {
    const { link, heard, told, clock, attach } = rig()
    clock.now += 5_000
    link.look(clock.now)
    expect(heard).toEqual([])
    const peer = attach()
    clock.now += 749
    link.look(clock.now)
    expect(heard).toEqual([])
    link.pause()
    clock.now += 250
    link.look(clock.now)
    link.resume()
    expect(heard).toEqual([])
    link.look(clock.now)
    expect(audioBytes(JSON.parse(heard[0] ?? '').audio)).toBe(999 * 48)
    peer.destroy()
    await settle()
    clock.now += 300
    link.look(clock.now)
    expect(heard).toHaveLength(2)
    // One gap is counted once.
    expect(told).toEqual(['filled quiet', 'lost'])
    attach().send(`a0:${audio(960)}`)
    await settle()
    clock.now += 800
    link.look(clock.now)
    expect(told).toEqual(['filled quiet', 'lost', 'filled quiet'])
  })

  it('keys are told apart from sound, and others than keys are bad frames', async () => {
    const { keys, heard, attach } = rig()
    const peer = attach()
    for (const key of ['1', '#', '*', 'D', 'E', '12', '']) peer.send(`k:${key}`)
    await settle()
    expect(keys).toEqual(['1', '#', '*', 'D'])
    expect(heard).toEqual([])
  })

  it('the twentieth bad frame closes the socket: binary ones, those over 64 KiB, those that nobody can read', async () => {
    const { told, heard, attach } = rig()
    const peer = attach()
    for (let i = 0; i < 6; i++) peer.send(Buffer.from('a0:AAAA'))
    for (let i = 0; i < 6; i++) peer.send(`a0:${'A'.repeat(65_536)}`)
    for (let i = 0; i < 7; i++) peer.send('{"kind":"nothing"}')
    await settle()
    expect(told).toEqual([])
    peer.send('x')
    expect(await peer.closed).toMatchObject({ code: 1008, reason: '' })
    await settle()
    expect(told).toEqual(['lost'])
    expect(heard).toEqual([])
  })

  it('bad frames of a second socket are counted from the first', async () => {
    const { told, attach } = rig()
    for (const losses of [1, 2]) {
      const peer = attach()
      for (let i = 0; i < 19; i++) peer.send('{"kind":"nothing"}')
      await settle()
      expect(told).toHaveLength(losses - 1)
      peer.send('x')
      await settle()
      expect(told).toHaveLength(losses)
    }
  })

  it('pings of the carrier are told', async () => {
    const { link, attach } = rig()
    const extra: number[] = []
    link.onExtra((bytes) => extra.push(bytes))
    attach().ping()
    await settle()
    expect(extra).toEqual([6])
  })
})

it('a link that is over keeps nothing of its session alive', async () => {
  for (const end of [(link: PhoneLink) => link.end(1000), (link: PhoneLink) => link.close()]) {
    const { link, attach } = rig()
    attach()
    const bind = () => {
      const session = { heard: 0 }
      link.onFrame(() => session.heard++)
      link.onKey(() => session.heard++)
      link.onExtra(() => session.heard++)
      link.onDrain(() => session.heard++)
      link.onClose(() => session.heard++)
      return new WeakRef(session)
    }
    const session = bind()
    end(link)
    await collected(session)
    await collected(bind())
    expect(link.bufferedBytes).toBe(0)
  }
})

describe('an answer’s audio', () => {
  it('goes to the carrier undecoded, and nothing else does', async () => {
    const { link, attach } = rig()
    const peer = attach()
    link.send(Buffer.from(delta(audio(100))))
    link.send(delta(audio(200, 2)))
    link.send('{"type":"session.created","session":{}}')
    link.send(Buffer.from('{"type":"response.output_audio_transcript.delta","delta":"AAAA"}'))
    link.send(Buffer.from('{"type":"response.done","response":{"note":"response.output_audio.delta","delta":"AAAA"}}'))
    link.send(delta(''))
    link.send('no json response.output_audio.delta')
    await settle()
    expect(texts(peer)).toEqual([`a:${audio(100)}`, `a:${audio(200, 2)}`])
    expect(link.playback.doneBytes(9_000)).toBe(300)
  })

  it('waits for the socket, and plays from the moment it is there', async () => {
    const { link, clock, attach } = rig()
    link.send(delta(audio(48_000)))
    link.send(delta(audio(48_000, 2)))
    expect(link.bufferedBytes).toBe(128_000)
    clock.now += 10_000
    expect(link.playback.doneBytes(clock.now)).toBe(0)
    const peer = attach()
    await settle()
    expect(texts(peer)).toEqual([`a:${audio(48_000)}`, `a:${audio(48_000, 2)}`])
    expect(link.bufferedBytes).toBe(0)
    expect(link.playback.doneBytes(clock.now + 1_500)).toBe(72_000)
  })

  it('more than a minute of it does not wait, and counts as heard in the end', async () => {
    const { link, attach } = rig('pcmu', true)
    for (let i = 0; i < 70; i++) link.send(delta(audio(8_000, i)))
    const peer = attach()
    await settle()
    const sent = texts(peer)
    expect(sent.filter((text) => text.startsWith('a:'))).toEqual(Array.from({ length: 60 }, (_, i) => `a:${audio(8_000, i)}`))
    peer.send(sent.at(-1) ?? '')
    await settle()
    expect(link.playback.doneBytes(0)).toBe(70 * 8_000)
  })

  it('is marked, and heard when the mark comes back', async () => {
    const { link, attach } = rig('pcmu', true)
    const peer = attach()
    link.send(delta(audio(800)))
    link.send(delta(audio(400)))
    await settle()
    expect(texts(peer)).toEqual([`a:${audio(800)}`, 'm:m1', `a:${audio(400)}`, 'm:m2'])
    peer.send('m:m1')
    await settle()
    expect(link.playback.doneBytes(0)).toBe(800)
    link.playback.clear()
    peer.send('m:m2')
    await settle()
    expect(texts(peer)).toEqual(['clear'])
    expect(link.playback.doneBytes(0)).toBe(1_200)
  })

  it('waits for no more than 256 marks, and the rest gets one when some came back', async () => {
    const { link, attach } = rig('pcmu', true)
    const peer = attach()
    for (let i = 0; i < 300; i++) link.send(delta(audio(3)))
    await settle()
    const marks = texts(peer).filter((text) => text.startsWith('m:'))
    expect(marks).toHaveLength(256)
    for (const mark of marks) peer.send(mark)
    await settle()
    const [last, ...more] = texts(peer)
    expect(more).toEqual([])
    peer.send(last ?? '')
    await settle()
    expect(link.playback.doneBytes(0)).toBe(900)
  })

  it('that waits is thrown away by a clear, without a word to a carrier that is not there', async () => {
    const { link, attach } = rig()
    link.send(delta(audio(4_800)))
    link.playback.clear()
    expect(link.playback.doneBytes(0)).toBe(4_800)
    const peer = attach()
    await settle()
    expect(texts(peer)).toEqual([])
  })

  it('counts as heard if the socket that should play it is lost', async () => {
    const { link, clock, told, attach } = rig()
    const peer = attach()
    link.send(delta(audio(48_000)))
    peer.destroy()
    await settle()
    expect(told).toEqual(['lost'])
    expect(link.playback.doneBytes(clock.now)).toBe(48_000)
    link.send(delta(audio(96, 5)))
    const next = attach()
    await settle()
    expect(texts(next)).toEqual([`a:${audio(96, 5)}`])
  })

  it('back-pressure is that of the socket', async () => {
    const { link, attach } = rig()
    const peer = attach()
    let drained = 0
    link.onDrain(() => drained++)
    peer.pause()
    link.send(delta(audio(960)))
    await settle()
    expect(link.bufferedBytes).toBe(1_282)
    peer.resume()
    await settle()
    expect([link.bufferedBytes, drained]).toEqual([0, 1])
  })

  it('is found wherever a peer may put it, and only there', () => {
    const spelled = fc.record({
      text: fc.string({ unit: fc.constantFrom('"delta":"', 'response.output_audio.delta', '\\', '"', 'x', '/', 'ä') }),
      base64: fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64')),
      order: fc.constantFrom('first', 'last', 'middle'),
      spaces: fc.boolean(),
      slashes: fc.boolean(),
      type: fc.constantFrom('response.output_audio.delta', 'response.output_text.delta', 'response.output_audio.delta.done'),
      asText: fc.boolean(),
    })
    fc.assert(
      fc.property(spelled, ({ text, base64, order, spaces, slashes, type, asText }) => {
        const fields: [string, string][] = [
          ['item_id', text],
          ['delta', base64],
          ['response_id', text],
        ]
        const all: [string, string][] =
          order === 'first' ? [['type', type], ...fields] : order === 'last' ? [...fields, ['type', type]] : [['event_id', text], ['type', type], ...fields]
        let json = JSON.stringify(Object.fromEntries(all), null, 0)
        if (slashes) json = json.replaceAll('/', '\\/')
        if (spaces) json = json.replace('"delta":"', '"delta": "')
        expect(audioOf(asText ? json : Buffer.from(json))).toBe(type === 'response.output_audio.delta' ? base64 : undefined)
      }),
    )
  })

  it('counts bytes as a decoder does, and writes events that say the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        const base64 = Buffer.from(bytes).toString('base64')
        expect(audioBytes(base64)).toBe(bytes.length)
        expect(isBase64(base64)).toBe(true)
        expect(JSON.parse(appendOf(base64).toString())).toEqual({ type: 'input_audio_buffer.append', audio: base64 })
      }),
    )
  })
})

describe('its ends', () => {
  it('the session closes it: the carrier is told nothing of the reason, and nothing passes any more', async () => {
    const { link, heard, told, attach } = rig()
    const peer = attach()
    link.close(4403, 'forbidden: stop')
    expect(await peer.closed).toMatchObject({ code: 1000, reason: '' })
    link.send(delta(audio(96)))
    link.playback.clear()
    peer.send(`a0:${audio(96)}`)
    link.close(4403, 'forbidden: stop')
    link.end(1006)
    link.look(1e9)
    await settle()
    expect([heard, told]).toEqual([[], ['closed']])
    expect(link.attach(memoryPair().link)).toBe(false)
  })

  it('the call ends: the session hears it once, and the socket is closed', async () => {
    const { link, told, attach } = rig()
    const peer = attach()
    link.end(1000)
    link.end(1006)
    expect(await peer.closed).toMatchObject({ code: 1000 })
    await settle()
    expect(told).toEqual(['end 1000'])
  })

  it('has one socket at a time', async () => {
    const { link, attach } = rig()
    attach()
    expect(link.attach(memoryPair().link)).toBe(false)
  })

  it('a carrier that stops says so', async () => {
    const { told, attach } = rig()
    attach().send('stop')
    await settle()
    expect(told).toEqual(['stop'])
  })
})
