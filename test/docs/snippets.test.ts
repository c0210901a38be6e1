// What the documents tell a reader to run, runs: README's two clients against the demo, and every JSON example as configuration.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { chromiumPath, complaintsOf, openBrowser } from '../support/chromium.js'
import { hasEspeak, speechFile } from '../support/speech.js'
import { blocksOf, DOCUMENTS, ROOT, readDocument } from './documents.js'

const README = readDocument('README.md')
/** The page that calls by WebRTC. */
const CALL_PAGE = blocksOf(readDocument('deploy/README.md'), 'html')[0]
const missing = [...(chromiumPath() ? [] : ['Chromium']), ...(hasEspeak() ? [] : ['espeak-ng'])]

/** Counts what the page plays, either way. */
const LISTEN_IN = `
  globalThis.played = 0
  const { start } = AudioBufferSourceNode.prototype
  AudioBufferSourceNode.prototype.start = function (...when) { played += this.buffer.duration; return start.apply(this, when) }
  let peer
  globalThis.RTCPeerConnection = class extends RTCPeerConnection { constructor() { super(); peer = this } }
  globalThis.heard = async () => {
    for (const report of (await peer.getStats()).values()) if (report.type === 'inbound-rtp') return report.totalAudioEnergy
    return 0
  }`

describe('README’s clients', { timeout: 90_000 }, () => {
  let folder: string
  let pages: Server
  let demo: RunningCommand
  let address: string
  let token: string

  const origin = () => `http://localhost:${(pages.address() as AddressInfo).port}`

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'relay-readme-'))
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir')
    pages = createServer((request, response) => {
      const [shown, placeholder, real] =
        request.url === '/call.html'
          ? [CALL_PAGE, 'http://localhost:8080/v1/realtime', address.replace('ws:', 'http:')]
          : [blocksOf(README, 'html')[0], 'ws://localhost:8080/v1/realtime', address]
      const page = shown?.replace(placeholder, real).replace('http://localhost:8080/console/', new URL('/console/', address.replace('ws:', 'http:')).href)
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><link rel="icon" href="data:," />${page}`)
    }).listen(0, '127.0.0.1')
    await once(pages, 'listening')
    demo = await startCommand(['demo'], { env: { PORT: '0' } })
    address = (await demo.says(/ws:\/\/\S+/))[0]
    token = (await demo.says(/^Token +(\S+)/m))[1] ?? ''
  })
  afterAll(async () => {
    pages?.close()
    pages?.closeAllConnections()
    await demo?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('asks from Node and writes the answer as 24 kHz PCM', async () => {
    const [script = ''] = blocksOf(README, 'js')
    expect(script.split('\n')[0]).toBe('// ask.mjs')
    writeFileSync(join(folder, 'ask.mjs'), script)
    const child = spawn(process.execPath, ['ask.mjs'], { cwd: folder, env: { PATH: process.env.PATH, TOKEN: token, RELAY: address } })
    let said = ''
    for (const output of [child.stdout, child.stderr]) output.on('data', (chunk: Buffer) => (said += chunk))
    expect((await once(child, 'close'))[0]).toBe(0)
    expect(said).toContain('Lisbon')
    const pcm = readFileSync(join(folder, 'answer.pcm'))
    expect(pcm.length / 48_000).toBeGreaterThan(1)
  })

  const skipped = missing.length > 0 ? ` (skipped: ${missing.join(' and ')} not installed)` : ''

  it.skipIf(missing.length > 0)(`talks from a page${skipped}`, async () => {
    await inPage('', 'Talk', async (page) => {
      await page.waitForFunction('played > 1')
    })
  })

  it.skipIf(missing.length > 0)(`calls from a page by WebRTC, as deploy/README.md has it${skipped}`, async () => {
    expect(CALL_PAGE?.split('\n')[0]).toBe('<!-- call.html -->')
    await inPage('/call.html', 'Call', async (page) => {
      await page.waitForFunction('heard().then((energy) => energy > 0.01)')
    })
  })

  async function inPage(path: string, button: string, andThen: (page: Page) => Promise<void>): Promise<void> {
    const speech = speechFile('What is the weather in Lisbon?')
    const browser = await openBrowser({ microphoneFile: speech.file })
    try {
      const page = await browser.context.newPage()
      const complaints = complaintsOf(page)
      page.on('dialog', (dialog) => dialog.accept(token))
      await page.addInitScript({ content: LISTEN_IN })
      await page.goto(origin() + path)
      await page.getByRole('button', { name: button }).click()
      await page.locator('p', { hasText: 'Lisbon' }).waitFor({ timeout: 30_000 })
      await andThen(page)
      expect(complaints).toEqual([])
    } finally {
      await browser.close()
      rmSync(speech.folder, { recursive: true, force: true })
    }
  }
})

describe('JSON in the documents', () => {
  const examples = DOCUMENTS.flatMap((file) => blocksOf(readDocument(file), 'json').map((text, index) => [`${file}, block ${index + 1}`, text] as const))
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'relay-examples-'))
    mkdirSync(join(folder, 'tools'))
    writeFileSync(join(folder, 'tools/orders.js'), '')
    writeFileSync(join(folder, 'prices.json'), readFileSync(join(ROOT, 'deploy/examples/prices.json')))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('is there', () => {
    expect(examples.length).toBeGreaterThan(3)
  })

  it.each(examples)('%s is a configuration the relay starts with', (_name, text) => {
    const value: unknown = JSON.parse(text)
    const kind = kindOf(value)
    writeFileSync(join(folder, 'profiles.json'), kind === 'PROFILES' ? text : '{}')
    const config = loadConfig(
      checkTools,
      {
        ...(kind === 'UPSTREAMS' ? {} : { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice' }),
        ...(kind === 'PROFILES' ? {} : { [kind]: text }),
        ...(text.includes('"record"') && { RECORDS_URL: folder, RECORDS_SPOOL: join(folder, 'tools'), SUBJECT_KEY: 'a key of the tests for digests of users' }),
        JWT_SECRET: 'x'.repeat(32),
        TOOL_IDENTITY_SECRET: 'x'.repeat(32),
        PROFILES_FILE: 'profiles.json',
        PRICES_FILE: 'prices.json',
        // Guards read what is spoken.
        ...(kind === 'GUARDS' && { SESSION: '{"audio":{"input":{"transcription":{"model":"whisper-1"}}}}' }),
        WEATHER_KEY: 'key',
        SAFETY_KEY: 'key',
        GUARD_KEY: 'key',
        DOCS_KEY: 'key',
        SWEDEN_KEY: 'key',
      },
      { mode: 'serve', cwd: folder },
    )
    const read = {
      TOOLS: config.tools,
      UPSTREAMS: config.upstreams,
      PROFILES: Object.keys(config.profiles).filter((name) => Object.hasOwn(value as object, name)),
      GUARDS: config.guards,
      SESSION: Object.keys(config.profiles.default?.session ?? {}),
    }
    expect(read[kind].length).toBe(Object.keys(value as object).length)
  })
})

/** Which setting an example is for, by its shape. */
function kindOf(value: unknown): 'TOOLS' | 'GUARDS' | 'UPSTREAMS' | 'SESSION' | 'PROFILES' {
  if (Array.isArray(value) && value.every((entry) => Object.hasOwn(entry, 'on'))) return 'GUARDS'
  if (Array.isArray(value)) return value.every((entry) => Object.hasOwn(entry, 'deployment')) ? 'UPSTREAMS' : 'TOOLS'
  return Object.hasOwn(value as object, 'audio') ? 'SESSION' : 'PROFILES'
}
