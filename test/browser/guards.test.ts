// What a person hears on the demo page of an answer that a guard blocks, judged by the sound that the page plays.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { speakInTones } from '../../src/simulator/speech-tones.js'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { type Browser, chromiumPath, openBrowser } from '../support/chromium.js'

const reason = chromiumPath() ? '' : ' (skipped: Chromium not installed)'
const LEAD = 'The keeper climbed the stairs of the tower every evening. '
const HARM = 'Then he told them how to build a bomb out of sugar and salt. '
const TAIL = 'It was a quiet harbour with wool and wine and letters, and nobody ever came to ask about the lamp on the rock in the sea. '
const HARMFUL = `${LEAD}${HARM}${TAIL}${TAIL}${TAIL}The end.`
const LINE = 'Let us speak about something else instead.'
const MESSAGE = 'We do not talk about this here.'
const VOICE = { voice: 'alloy', speed: 1 }

/** Keeps what the page plays, to the sample, and when it stops. */
const LISTEN_IN = `
  globalThis.played = []
  const { start, stop } = AudioBufferSourceNode.prototype
  AudioBufferSourceNode.prototype.start = function (at) {
    played.push({ source: this, at, end: at + this.buffer.duration })
    return start.call(this, at)
  }
  AudioBufferSourceNode.prototype.stop = function () {
    const one = played.find(({ source }) => source === this)
    one.end = Math.min(one.end, Math.max(one.at, this.context.currentTime))
    return stop.call(this)
  }
  globalThis.isQuiet = () => played.length > 0 && played.every(({ source, end }) => end <= source.context.currentTime)
  globalThis.heard = () => {
    const bytes = played.flatMap(({ source, at, end }) =>
      Array.from(source.buffer.getChannelData(0).subarray(0, Math.round((end - at) * 24000)), (sample) => Math.round(sample * 0x8000)).flatMap((sample) => [sample & 255, (sample >> 8) & 255]),
    )
    let text = ''
    for (const byte of bytes) text += String.fromCharCode(byte)
    return btoa(text)
  }
  const peers = []
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
      super(...given)
      peers.push(this)
    }
  }
  /** Of calls, in steps: how long there was sound. */
  globalThis.audibleMs = 0
  let [energy, before] = [0, performance.now()]
  setInterval(async () => {
    let sum = 0
    for (const peer of peers) for (const report of (await peer.getStats()).values()) if (report.type === 'inbound-rtp') sum += report.totalAudioEnergy ?? 0
    const now = performance.now()
    if (sum > energy + 1e-5) audibleMs += now - before
    energy = sum
    before = now
  }, 100)`

const answer = speakInTones(HARMFUL, VOICE)
const LINE_SOUND = speakInTones(LINE, VOICE).pcm
/** The byte at which the sound of a sentence begins. */
const placeOf = (sentence: string): number => speakInTones(HARMFUL.slice(0, HARMFUL.indexOf(sentence)).trim(), VOICE).pcm.length

describe.skipIf(!chromiumPath())(`an answer that a guard blocks, on the demo page${reason}`, { timeout: 90_000 }, () => {
  let simulator: Simulator
  let browser: Browser
  let page: Page
  let demo: RunningCommand
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'relay-guards-page-'))
    const script = {
      answers: [{ times: 1, reply: [{ say: HARMFUL }] }, { reply: [{ say: LINE }] }],
    }
    simulator = await startSimulator({ apiKey: 'k', deployments: ['voice'], script })
    browser = await openBrowser()
  })
  afterEach(async () => {
    await page?.close()
    await demo?.stop()
  })
  afterAll(async () => {
    await browser?.close()
    await simulator?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Asks on a page whose answers are guarded in this mode, and waits until all is said. */
  async function ask(mode: 'cut' | 'hold', isCall = false): Promise<Buffer> {
    const profiles = join(folder, `${mode}.json`)
    const session = { audio: { input: { transcription: { model: 'whisper-1' } }, output: { voice: VOICE.voice } } }
    writeFileSync(profiles, JSON.stringify({ default: { session, blockedLine: 'Say that you speak about something else.', blockedMessage: MESSAGE } }))
    demo = await startCommand(['demo'], {
      env: {
        PORT: '0',
        AZURE_OPENAI_ENDPOINT: simulator.url,
        AZURE_OPENAI_DEPLOYMENT: 'voice',
        AZURE_OPENAI_API_KEY: 'k',
        PROFILES_FILE: profiles,
        ...(isCall && { WEBRTC: 'media-only' }),
        GUARDS: JSON.stringify([{ name: 'words', on: ['output'], mode, run: { patterns: { deny: [{ pattern: 'bomb', category: 'weapons' }] } } }]),
      },
    })
    page = await browser.context.newPage()
    await page.addInitScript({ content: LISTEN_IN })
    await page.goto((await demo.says(/http:\/\/\S+#token=\S+/))[0])
    if (isCall) await page.getByLabel('WebRTC').check()
    await page.getByLabel('Your message').fill('Tell me about the tower.')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.locator('#conversation .assistant', { hasText: LINE }).waitFor({ timeout: 15_000 })
    await expect.poll(() => page.locator('#events summary', { hasText: 'response.done' }).count(), { timeout: 15_000 }).toBe(2)
    if (isCall) {
      await expect.poll(() => page.locator('#events summary', { hasText: 'output_audio_buffer.stopped' }).count(), { timeout: 30_000 }).toBe(1)
      return Buffer.alloc(0)
    }
    await expect.poll(() => page.evaluate<boolean>('isQuiet()'), { timeout: 30_000 }).toBe(true)
    return Buffer.from(await page.evaluate<string>('heard()'), 'base64')
  }

  it('is heard to stop if it is cut, and the line is said after it', async () => {
    const heard = await ask('cut')
    const line = heard.indexOf(LINE_SOUND)
    expect(line).toBeGreaterThan(0)
    // More of it had come by then than was heard.
    expect(line).toBeLessThan(placeOf(TAIL))
    expect(answer.pcm.subarray(0, line).equals(heard.subarray(0, line))).toBe(true)
    // Nothing of it goes on after the line.
    expect(heard.length).toBe(line + LINE_SOUND.length)
    expect(await page.locator('#conversation .problem').allTextContents()).toEqual([MESSAGE])
    expect(await page.locator('#conversation').textContent()).not.toContain('The end.')
  })

  it('is neither heard nor shown where it is harmful if it is held', async () => {
    const heard = await ask('hold')
    const line = heard.indexOf(LINE_SOUND)
    expect(line).toBeGreaterThanOrEqual(0)
    expect(heard.length).toBe(line + LINE_SOUND.length)
    expect(answer.pcm.subarray(0, line).equals(heard.subarray(0, line))).toBe(true)
    expect(line).toBeLessThanOrEqual(placeOf(HARM))
    expect(await page.content()).not.toMatch(/bomb|sugar/)
    expect(await page.locator('#conversation .problem').allTextContents()).toEqual([MESSAGE])
  })

  it('is heard to stop in a WebRTC call if it is cut, and the line is said after it', async () => {
    await ask('cut', true)
    const audible = await page.evaluate<number>('audibleMs')
    console.log(`of an answer of ${answer.pcm.length / 48} ms and a line of ${LINE_SOUND.length / 48} ms, sound was heard for ${audible.toFixed(0)} ms`)
    // What the service has made of it already would be heard else.
    expect(simulator.received.flatMap(({ events }) => events).filter(({ type }) => type === 'output_audio_buffer.clear').length).toBe(1)
    expect(audible).toBeGreaterThan(LINE_SOUND.length / 96)
    expect(audible).toBeLessThan((placeOf(TAIL) + LINE_SOUND.length) / 48)
    expect(await page.locator('#conversation').textContent()).not.toContain('The end.')
    expect(await page.locator('#conversation .problem').allTextContents()).toEqual([MESSAGE])
  })
})
