// The kit's sound in a real Chromium: what of an answer was heard, to the sample; interruptions; and a microphone with all that can be wrong with one.
import { rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { toWav } from '../../src/simulator/wav.js'
import { type Browser, chromiumPath, openBrowser } from '../support/chromium.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { type KitPages, serveKit } from './kit-page.js'
import { type PageServer, servePage } from './page-server.js'

const reason = chromiumPath() ? '' : ' (skipped: Chromium not installed)'

describe.skipIf(!chromiumPath())(`what was heard of an answer${reason}`, { timeout: 25_000 }, () => {
  let browser: Browser
  let server: PageServer
  let page: Page

  beforeAll(async () => {
    server = await servePage(`
      import { createSpeaker } from '../../src/browser/speaker.ts'
      const toBase64 = (samples) => btoa(String.fromCharCode(...new Uint8Array(new Int16Array(samples).fill(0x4000).buffer)))
      /** Plays \`pieces\` ([seconds, item, content part, samples]) and cuts at \`cutAt\`. What was rendered is counted by itself. */
      globalThis.hear = async (pieces, cutAt, done = []) => {
        const context = new OfflineAudioContext(1, 24000 * 3, 24000)
        const speaks = []
        const speaker = createSpeaker(() => context, (on) => speaks.push(on))
        let cuts
        const at = new Map()
        const when = (second, act) => at.set(second, [...(at.get(second) ?? []), act])
        for (const [second, item, content, samples] of pieces) when(second, () => speaker.play(item, content, toBase64(samples)))
        for (const [second, item] of done) when(second, () => speaker.done(item))
        when(cutAt, () => { cuts = speaker.cut() })
        for (const [second, acts] of at) if (second > 0) context.suspend(second).then(() => { for (const act of acts) act(); context.resume() })
        for (const act of at.get(0) ?? []) act()
        const samples = (await context.startRendering()).getChannelData(0)
        return { cuts, speaks, sounded: samples.filter((sample) => sample !== 0).length, last: samples.findLastIndex((sample) => sample !== 0) }
      }
      globalThis.fill = () => {
        const context = new OfflineAudioContext(1, 24000, 24000)
        const speaker = createSpeaker(() => context, () => undefined)
        let seconds = 0
        while (speaker.play('a', 0, toBase64(24000)) && seconds < 1000) seconds++
        return seconds
      }`)
    browser = await openBrowser()
    page = await browser.context.newPage()
    await page.goto(server.origin)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  interface Heard {
    readonly cuts: readonly { readonly item: string; readonly content: number; readonly ms: number }[]
    readonly sounded: number
    readonly last: number
    readonly speaks: readonly boolean[]
  }
  const hear = (...given: unknown[]) => page.evaluate<Heard>(`hear(...${JSON.stringify(given)})`)
  /** A time at which an offline context can stop: a whole number of blocks of 128 samples. */
  const block = (count: number) => (count * 128) / 24_000

  it('is what was rendered, to the sample', async () => {
    const { cuts, sounded } = await hear([[0, 'a', 0, 24_000]], block(100))
    expect(cuts).toEqual([{ item: 'a', content: 0, ms: Math.floor((sounded * 1000) / 24_000) }])
    expect(sounded).toBe(100 * 128 - 480)
  })

  it('does not count the gaps between parts that came late', async () => {
    const { cuts, sounded, last } = await hear(
      [
        [0, 'a', 0, 2400],
        [block(40), 'a', 0, 2400],
        [block(90), 'a', 0, 24_000],
      ],
      block(120),
    )
    expect(cuts).toEqual([{ item: 'a', content: 0, ms: Math.floor((sounded * 1000) / 24_000) }])
    expect(sounded).toBe(4800 + (30 * 128 - 480))
    expect(last).toBeLessThan(120 * 128)
  })

  it('is never more than was received', async () => {
    const { cuts, sounded } = await hear([[0, 'a', 0, 1001]], block(100))
    expect(sounded).toBe(1001)
    expect(cuts).toEqual([{ item: 'a', content: 0, ms: 41 }])
  })

  it('is told of each item and part that was not heard to its end, and of no other', async () => {
    const { cuts } = await hear(
      [
        [0, 'whole', 0, 1200],
        [0, 'half', 0, 12_000],
        [0, 'half', 1, 12_000],
        [0, 'later', 0, 12_000],
      ],
      block(100),
    )
    expect(cuts).toEqual([
      { item: 'half', content: 0, ms: Math.floor(((100 * 128 - 480 - 1200) * 1000) / 24_000) },
      { item: 'half', content: 1, ms: 0 },
      { item: 'later', content: 0, ms: 0 },
    ])
  })

  it('is everything if nothing more was to come', async () => {
    const { cuts, speaks } = await hear([[0, 'a', 0, 2400]], block(100), [[block(5), 'a']])
    expect(cuts).toEqual([])
    expect(speaks).toEqual([true, false])
  })

  it('is followed by silence, and the next answer is counted anew', async () => {
    const first = await hear([[0, 'a', 0, 48_000]], block(50))
    expect(first.sounded).toBe(50 * 128 - 480)
    expect(first.speaks).toEqual([true, false])
  })

  it('is of ten minutes at most that wait', async () => {
    expect(await page.evaluate('fill()')).toBe(600)
  })
})

/** Three seconds of a tone, for a microphone. */
async function toneFile(hertz: number): Promise<{ readonly folder: string; readonly file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'relay-tone-'))
  const file = join(folder, 'tone.wav')
  const samples = Int16Array.from({ length: 48_000 * 4 }, (_, at) => Math.sin((at / 48_000) * 2 * Math.PI * hertz) * 12_000)
  writeFileSync(file, toWav(Buffer.from(samples.buffer), 48_000))
  return { folder, file }
}

describe.skipIf(!chromiumPath())(`the kit's microphone and interruptions${reason}`, { timeout: 25_000 }, () => {
  let browser: Browser
  let pages: KitPages
  let running: RunningRelay
  let page: Page
  let sound: { folder: string; file: string }

  beforeAll(async () => {
    pages = await serveKit()
    sound = await toneFile(440)
    const profiles = join(sound.folder, 'profiles.json')
    writeFileSync(profiles, JSON.stringify({ default: {}, thin: { truncate: 'relay' } }))
    running = await runRelay({ env: { ALLOWED_ORIGINS: pages.origin, REFUSE_AFTER_UPGRADE: 'true', PROFILES_FILE: profiles } })
    browser = await openBrowser({ microphoneFile: sound.file })
  })
  afterEach(async () => {
    await page?.close()
    pages.policy = "'self'"
  })
  afterAll(async () => {
    await browser?.close()
    pages?.close()
    await running?.close()
    rmSync(sound.folder, { recursive: true, force: true })
  })

  const LONG = 'a quiet little harbour with seven boats in it and a lighthouse on the far side of the bay'
  const WORKLET = `workletUrl: '/microphone-worklet.js',`

  async function open(options = WORKLET, before = '', profile = 'default'): Promise<void> {
    const user = `user-${Math.random()}`
    pages.token = () => running.token(user, { relayEvents: true, profile })
    page = await pages.open(browser, `{ url: '${running.wsUrl.replace('127.0.0.1', 'localhost')}/v1/realtime', ${options} }`, before)
  }
  const run = <T>(script: string) => page.evaluate<T>(script)
  const talk = () => page.locator('#talk').click()
  const problems = () => run<(string | number)[]>(`seen('problem').map(({ code }) => code)`)
  const problem = (code: string) => run<{ fatal: boolean; message: string; advice: string }>(`until('problem', ({ code }) => code === '${code}')`)
  const sent = (type: string, times = 1) => run<Record<string, unknown>>(`until('sent', ({ type }) => type === '${type}', ${times})`)
  const countSent = (type: string) => run<number>(`seen('sent', ({ type }) => type === '${type}').length`)
  /** All that the simulator heard in the last session. */
  const heard = () => {
    const appends = running.simulator.received.at(-1)?.events.filter(({ type }) => type === 'input_audio_buffer.append') ?? []
    return Buffer.concat(appends.map(({ audio }) => Buffer.from(String(audio), 'base64')))
  }
  const pitchOf = (pcm: Buffer) => {
    const samples = Array.from({ length: pcm.length >> 1 }, (_, at) => pcm.readInt16LE(2 * at))
    const loud = samples.slice(samples.findIndex((sample) => Math.abs(sample) > 3000))
    const rises = loud.filter((sample, at) => at > 0 && sample >= 0 && (loud[at - 1] as number) < 0).length
    return rises / (loud.length / 24_000)
  }

  it('listens under a strict policy in parts of 50 ms, and sends nothing before the session is live', async () => {
    await open()
    await talk()
    await sent('input_audio_buffer.append', 30)
    const all = await run<{ state: string; audio: number }[]>(`seen('sent', ({ type }) => type === 'input_audio_buffer.append')`)
    expect(new Set(all.map(({ state }) => state))).toEqual(new Set(['open']))
    expect(new Set(all.map(({ audio }) => audio))).toEqual(new Set([3200]))
    expect(await run(`seen('violation')`)).toEqual([])
    expect(await run('relay.listening')).toBe(true)
    await expect.poll(() => heard().length).toBeGreaterThan(24_000)
    expect(Math.abs(pitchOf(heard()) - 440)).toBeLessThan(25)
  })

  it('listens with a script of its own where the policy allows Blob URLs', async () => {
    pages.policy = "'self' blob:; worker-src 'none'"
    await open('')
    await talk()
    await sent('input_audio_buffer.append', 3)
    expect(await problems()).toEqual([])
  })

  it('says what to do where the policy allows none', async () => {
    await open('')
    await talk()
    expect(await problem('worklet')).toMatchObject({ fatal: false, advice: 'Allow blob: in script-src, or set workletUrl.' })
    expect(await run('[relay.state, relay.listening]')).toEqual(['open', false])
  })

  it('resamples what a device gives at another rate, as in Firefox', async () => {
    await open(
      WORKLET,
      `globalThis.refused = 0
      const create = AudioContext.prototype.createMediaStreamSource
      AudioContext.prototype.createMediaStreamSource = function (stream) {
        if (this.sampleRate === 24000) { refused++; throw new DOMException('other rate', 'NotSupportedError') }
        return create.call(this, stream)
      }`,
    )
    await talk()
    await sent('input_audio_buffer.append', 30)
    expect(await run('refused')).toBe(1)
    await expect.poll(() => heard().length).toBeGreaterThan(24_000)
    expect(Math.abs(pitchOf(heard()) - 440)).toBeLessThan(25)
  })

  it('stops the device when it is muted, and listens again', async () => {
    await open(
      WORKLET,
      `globalThis.tracks = []
      const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
      navigator.mediaDevices.getUserMedia = async (wanted) => { const stream = await get(wanted); tracks.push(...stream.getTracks()); return stream }`,
    )
    await talk()
    await sent('input_audio_buffer.append', 2)
    await run('relay.mute()')
    expect(await run('[relay.listening, ...tracks.map(({ readyState }) => readyState)]')).toEqual([false, 'ended'])
    const before = await countSent('input_audio_buffer.append')
    await talk()
    await sent('input_audio_buffer.append', before + 3)
    expect(await run('[relay.listening, ...tracks.map(({ readyState }) => readyState)]')).toEqual([true, 'ended', 'live'])
    await run('relay.close()')
    expect(await run('tracks.map(({ readyState }) => readyState)')).toEqual(['ended', 'ended'])
    expect(await problems()).toEqual([])
  })

  it('does not listen if it is muted or closed while it opens', async () => {
    await open(
      WORKLET,
      `globalThis.tracks = []
      const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
      navigator.mediaDevices.getUserMedia = async (wanted) => { asked?.(); const stream = await get(wanted); tracks.push(...stream.getTracks()); return stream }
      globalThis.asked = undefined
      globalThis.whileAsked = (act) => new Promise((done) => { asked = () => { act(); done() } })`,
    )
    await run('relay.open()')
    for (const [times, act] of ['relay.mute()', 'relay.close()'].entries()) {
      await run(`(relay.talk(), whileAsked(() => ${act}))`)
      await expect.poll(() => run('tracks.map(({ readyState }) => readyState)')).toEqual(Array(times + 1).fill('ended'))
    }
    expect(await run('[relay.listening, relay.state]')).toEqual([false, 'closed'])
    expect(await run(`seen('listening')`)).toEqual([])
    expect(await countSent('input_audio_buffer.append')).toBe(0)
  })

  it('says so when the device is gone', async () => {
    await open(
      WORKLET,
      `const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices); navigator.mediaDevices.getUserMedia = async (wanted) => (globalThis.stream = await get(wanted))`,
    )
    await talk()
    await sent('input_audio_buffer.append')
    await run(`stream.getTracks()[0].dispatchEvent(new Event('ended'))`)
    expect(await problem('device_lost')).toMatchObject({ fatal: false, message: 'The microphone is gone.' })
    expect(await run('[relay.listening, relay.state]')).toEqual([false, 'open'])
  })

  it.each(['NotAllowedError', 'NotFoundError', 'NotReadableError', 'OverconstrainedError'])('says what to do about %s, and goes on', async (name) => {
    await open(WORKLET, `navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', '${name}') }`)
    await talk()
    expect((await problem(name)).fatal).toBe(false)
    expect(await run(`relay.talk().catch(({ code }) => code)`)).toBe(name)
    await run(`relay.say('by hand')`)
    await run(`until('event', ({ type }) => type === 'response.done')`)
  })

  it('says so in a page that is not secure', async () => {
    await open(WORKLET, `Object.defineProperty(Navigator.prototype, 'mediaDevices', { get: () => undefined })`)
    await talk()
    expect(await problem('InsecureContext')).toMatchObject({ advice: 'Serve it by https.' })
  })

  /** The answer is here at once, and takes seconds to play. */
  async function answerPlays(): Promise<void> {
    await run(`relay.say('${LONG}')`)
    await run(`until('event', ({ type }) => type === 'response.done')`)
    await run(`until('speaking', ({ speaking }) => speaking)`)
  }
  const PLAYED = `
    globalThis.sources = []
    const start = AudioBufferSourceNode.prototype.start
    AudioBufferSourceNode.prototype.start = function (when) { sources.push({ when, context: this.context, seconds: this.buffer.duration }); return start.call(this, when) }`

  it('interrupts when asked: stops at once, and tells what was heard', async () => {
    await open(WORKLET, PLAYED)
    // Without a microphone, whose tone would interrupt as well.
    await run('relay.open()')
    await answerPlays()
    const { heard, received } = await run<{ heard: number; received: number }>(
      `relay.interrupt(), {
        heard: sources.reduce((sum, { when, seconds, context }) => sum + Math.min(Math.max(0, context.currentTime - when), seconds), 0),
        received: sources.reduce((sum, { seconds }) => sum + seconds, 0),
      }`,
    )
    const truncated = await sent('conversation.item.truncate')
    expect(received).toBeGreaterThan(2)
    expect(Math.abs(Number(truncated.audio_end_ms) - heard * 1000)).toBeLessThan(30)
    expect(Number(truncated.audio_end_ms)).toBeLessThan(received * 1000)
    expect(truncated.content_index).toBe(0)
    expect(await run('relay.speaking')).toBe(false)
    await run(`until('event', ({ type }) => type === 'conversation.item.truncated')`)
    expect(await problems()).toEqual([])
  })

  it('plays nothing more of an answer that was cut, and the next one again', async () => {
    await open(WORKLET, `${PLAYED}; globalThis.WebSocket = class extends WebSocket { constructor(...given) { super(...given); globalThis.socket = this } }`)
    await run(`relay.open().then(() => { globalThis.hears = (event) => socket.onmessage({ data: JSON.stringify(event) }) })`)
    const delta = (response: string) =>
      run(`hears({ type: 'response.output_audio.delta', response_id: '${response}', item_id: 'item_${response}', content_index: 0, delta: btoa('\\0'.repeat(48000)) })`)
    const played = () => run('sources.length')
    for (const [how, cut] of [
      ['a', 'relay.interrupt()'],
      ['b', `hears({ type: 'input_audio_buffer.speech_started' })`],
      ['c', `hears({ type: 'relay.interrupted', item_id: 'item_c', heard_ms: 0 })`],
      ['d', `hears({ type: 'relay.blocked', side: 'output', category: 'x', message: 'y' })`],
    ] as const) {
      await run(`hears({ type: 'response.created', response: { id: '${how}' } })`)
      await delta(how)
      const before = await played()
      await run(cut)
      expect(await run('relay.speaking')).toBe(false)
      await delta(how)
      expect(await played(), cut).toBe(before)
      await run(`hears({ type: 'response.done', response: { id: '${how}' } })`)
    }
    expect(await played()).toBe(4)
    expect(await run(`seen('sent', ({ type }) => type === 'conversation.item.truncate').map(({ item_id }) => item_id)`)).toEqual(['item_a', 'item_b'])
    expect(await problems()).toEqual([])
  })

  it('says once that the browser lets nothing sound before a click, and sounds after one', async () => {
    // What a test runs in a page counts as a click, so the browser's rule is made here.
    await open(
      WORKLET,
      `globalThis.clicked = false
      addEventListener('click', () => { clicked = true }, true)
      const { resume } = AudioContext.prototype
      AudioContext.prototype.resume = function () { return clicked ? resume.call(this) : this.suspend().then(() => new Promise(() => undefined)) }`,
    )
    await run(`relay.say('${LONG}')`)
    expect(await problem('autoplay')).toMatchObject({ fatal: false, advice: 'Call talk() in a click.' })
    await talk()
    await run(`until('listening')`)
    await run(`relay.say('Again')`)
    await run(`until('speaking', ({ speaking }) => !speaking)`)
    expect(await problems()).toEqual(['autoplay'])
  })

  it('stops when its user speaks, and sends no truncation twice', async () => {
    await open()
    await run(`relay.say('${LONG}')`)
    await run(`until('event', ({ type }) => type === 'response.done')`)
    await talk()
    await run(`until('event', ({ type }) => type === 'input_audio_buffer.speech_started')`)
    await sent('conversation.item.truncate')
    expect(await run('relay.speaking')).toBe(false)
    await run('relay.interrupt()')
    expect(await countSent('conversation.item.truncate')).toBe(1)
  })

  it('agrees with a relay that truncates by itself', async () => {
    await open(WORKLET, '', 'thin')
    await run(`relay.say('${LONG}')`)
    await run(`until('event', ({ type }) => type === 'response.done')`)
    await talk()
    const { item_id: item, audio_end_ms: heardMs } = await sent('conversation.item.truncate')
    await run(`until('event', ({ type }) => type === 'conversation.item.truncated')`)
    await run(`relay.mute(); relay.say('What now?')`)
    await run(`until('event', ({ type, transcript }) => type === 'response.output_audio_transcript.done' && transcript.includes('What now'))`)
    expect(await problems()).toEqual([])
    const last = running.simulator.received.at(-1)?.events.filter(({ type, item_id }) => type === 'conversation.item.truncate' && item_id === item)
    expect(last?.length).toBeGreaterThan(0)
    for (const { audio_end_ms: ms } of last ?? []) expect(Math.abs(Number(ms) - Number(heardMs))).toBeLessThan(500)
  })

  it.each([
    ['the relay decides about interruptions', `${WORKLET} interruptedBy: 'relay',`, ''],
    [
      'the session says that speech interrupts nothing',
      WORKLET,
      `relay.send({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: { type: 'server_vad', interrupt_response: false } } } } })`,
    ],
  ])('plays on while its user speaks if %s', async (_why, options, first) => {
    await open(options)
    await run('relay.open()')
    if (first) {
      await run(first)
      await run(`until('event', ({ type }) => type === 'session.updated')`)
    }
    await run(`relay.say('${LONG}')`)
    await run(`until('event', ({ type }) => type === 'response.done')`)
    await talk()
    await run(`until('event', ({ type }) => type === 'input_audio_buffer.speech_started')`)
    expect(await countSent('conversation.item.truncate')).toBe(0)
    expect(await run('relay.speaking')).toBe(true)
  })
})
