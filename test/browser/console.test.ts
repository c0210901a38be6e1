// The demo as a user sees it: one command, one page, one click, a spoken question, and a spoken answer that needed a tool of the server.
import { rmSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { type Browser, chromiumPath, complaintsOf, openBrowser } from '../support/chromium.js'
import { hasEspeak, speechFile } from '../support/speech.js'

const missing = [...(chromiumPath() ? [] : ['Chromium']), ...(hasEspeak() ? [] : ['espeak-ng'])]
const reason = missing.length > 0 ? ` (skipped: ${missing.join(' and ')} not installed)` : ''

/** Also counts what the page plays. */
const LISTEN_IN = `
  globalThis.played = { seconds: 0, peak: 0 }
  const start = AudioBufferSourceNode.prototype.start
  AudioBufferSourceNode.prototype.start = function (...when) {
    played.seconds += this.buffer.duration
    for (const sample of this.buffer.getChannelData(0)) played.peak = Math.max(played.peak, Math.abs(sample))
    return start.apply(this, when)
  }`

describe.skipIf(missing.length > 0)(`the demo page${reason}`, { timeout: 90_000 }, () => {
  let demo: RunningCommand
  let browser: Browser
  let speech: { folder: string; file: string }
  let page: Page
  let complaints: readonly string[]
  let url: string

  beforeAll(async () => {
    speech = speechFile('What is the weather in Lisbon?')
    demo = await startCommand(['demo'], { env: { PORT: '0' } })
    url = (await demo.says(/http:\/\/\S+#token=\S+/))[0]
    browser = await openBrowser({ microphoneFile: speech.file })
  })
  afterEach(() => page?.close())
  afterAll(async () => {
    await browser?.close()
    await demo?.stop()
    if (speech) rmSync(speech.folder, { recursive: true, force: true })
  })

  const open = async () => {
    page = await browser.context.newPage()
    complaints = complaintsOf(page)
    await page.addInitScript({ content: LISTEN_IN })
    await page.goto(url)
  }
  const eventTypes = async () => (await page.locator('#events summary').allTextContents()).map((text) => text.replace(/ ×\d+$/, ''))

  it('listens after the first click and answers aloud with the result of a server tool', async () => {
    await open()
    await page.getByRole('button', { name: 'Talk' }).click()
    const answer = page.locator('#conversation .assistant', { hasText: 'Lisbon' })
    await answer.waitFor({ timeout: 30_000 })
    await page.locator('#events summary', { hasText: 'response.done' }).waitFor()
    expect(await page.locator('#conversation .user').textContent()).toMatch(/weather/i)
    const types = await eventTypes()
    for (const type of ['input_audio_buffer.speech_started', 'input_audio_buffer.speech_stopped', 'response.output_audio.delta']) expect(types).toContain(type)
    expect(types.filter((type) => /function_call|mcp/.test(type))).toEqual([])
    const played = await page.evaluate<{ seconds: number; peak: number }>('played')
    expect(played.seconds).toBeGreaterThan(1)
    expect(played.peak).toBeGreaterThan(0.05)
    expect(await page.content()).not.toContain('get_weather')
    expect(complaints).toEqual([])
  })

  it('shows what the model puts on its screen, and takes typed text during an answer', async () => {
    await open()
    await page.getByRole('button', { name: 'bom dia' }).click()
    await page.locator('#screen', { hasText: 'bom dia' }).waitFor({ timeout: 30_000 })
    await page.locator('#conversation .assistant').waitFor()
    await page.getByLabel('Your message').fill('look up order 12345')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.locator('#conversation .assistant', { hasText: 'Order 12345' }).waitFor({ timeout: 30_000 })
    expect(await page.locator('#conversation .problem').allTextContents()).toEqual([])
    expect(complaints).toEqual([])
  })

  it('shows why it is refused', async () => {
    await open()
    await page.evaluate("document.getElementById('access').open = true")
    await page.getByLabel('Token').fill('not.a.token')
    await page.getByRole('button', { name: 'Talk' }).click()
    await page.locator('#notice', { hasText: 'does not accept this token' }).waitFor({ timeout: 30_000 })
    expect(await page.getByRole('button', { name: 'Talk' }).isEnabled()).toBe(true)
  })
})
