// The apps with a page, built and used in a real Chromium: signing in, a typed and a spoken turn, a tool of the server, an interruption. No secret is in what a page gets.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { RunningCommand } from '../support/built-relay.js'
import { type Browser, chromiumPath, complaintsOf, openBrowser } from '../support/chromium.js'
import { hasEspeak, speechFile } from '../support/speech.js'
import { appFolder, freePort, runScript, type StartedRelay, secretsOf, startRelay, startScript } from './app-scripts.js'

const APPS_SOURCE = fileURLToPath(new URL('../apps/', import.meta.url))
const { away } = inject('apps')
const missing = [...(chromiumPath() ? [] : ['Chromium']), ...(hasEspeak() ? [] : ['espeak-ng'])]
const why = away ?? (missing.length > 0 ? `${missing.join(' and ')} not installed` : undefined)
const because = why === undefined ? '' : ` (skipped: ${why})`

/** `served`: what a page may get of the app. `develops`: its server for developers is tried too; that of Next.js takes as long as all the rest. */
const APPS = [
  { name: 'page', builds: false, develops: false, served: 'public', ready: /localhost:/ },
  { name: 'react', builds: true, develops: true, served: 'dist', ready: /localhost:/ },
  { name: 'next', builds: true, develops: false, served: '.next/static', ready: /Ready/ },
]
const STORY = Array.from({ length: 40 }, (_, index) => `Lighthouse number ${index} burns.`)
  .join(' ')
  .slice(0, 290)

describe.skipIf(why !== undefined).each(APPS)(`$name${because}`, { timeout: 90_000 }, ({ name, builds, develops, served, ready }) => {
  let relay: StartedRelay
  let app: RunningCommand
  let browser: Browser
  let speech: { folder: string; file: string }
  let page: Page
  let complaints: readonly string[]
  const sent: string[] = []

  beforeAll(async () => {
    speech = speechFile('What is the weather in Lisbon?')
    relay = await startRelay(name)
    if (builds) await runScript(name, 'build')
    const port = await freePort()
    app = startScript(name, 'start', { PORT: port, RELAY_URL: relay.url })
    await app.says(ready, 30_000)
    browser = await openBrowser({ microphoneFile: speech.file })
    page = await browser.context.newPage()
    complaints = complaintsOf(page)
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => void sent.push(String(payload))))
    await page.goto(`http://localhost:${port}`)
  })
  afterAll(async () => {
    await browser?.close()
    await app?.stop()
    await relay?.stop()
    rmSync(speech.folder, { recursive: true, force: true })
  })

  const button = (label: string) => page.getByRole('button', { name: label, exact: true })
  const type = async (text: string) => {
    await page.getByLabel('Your message').fill(text)
    await button('Send').click()
  }
  const answers = () => page.locator('.assistant').allTextContents()
  const tokenOf = () =>
    page.evaluate<{ status: number; token?: string }>(`fetch('/token', { method: 'POST' }).then(async (answer) => ({ status: answer.status, ...(await answer.json()) }))`)

  it('gives a token to nobody, and a short-lived one to who signed in', async () => {
    expect(await tokenOf()).toMatchObject({ status: 401, error: 'Not signed in.' })
    await page.getByLabel('Your name').fill('alice')
    await button('Sign in').click()
    await button('Talk').waitFor()
    const { status, token = '' } = await tokenOf()
    expect(status).toBe(200)
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string; iss: string; aud: string; iat: number; exp: number }
    // The relay has read the same .env, and takes no other issuer or audience.
    expect([claims.sub, claims.iss, claims.aud, claims.exp - claims.iat]).toEqual(['alice', 'my-app', 'realtime-relay', 300])
    const cookies = await browser.context.cookies()
    expect(cookies).toMatchObject([{ name: 'session', httpOnly: true, sameSite: 'Strict' }])
  })

  it('answers what is typed, by a tool of the server', async () => {
    await type('What is the weather in Lisbon?')
    await page.locator('.assistant', { hasText: 'Lisbon' }).waitFor({ timeout: 30_000 })
    expect(await page.locator('.user').allTextContents()).toEqual(['What is the weather in Lisbon?'])
    expect(await page.content()).not.toContain('get_weather')
  })

  it('answers what is said', async () => {
    await button('Talk').click()
    await button('Mute').waitFor()
    await expect.poll(() => page.locator('.user').allTextContents(), { timeout: 30_000 }).toHaveLength(2)
    await expect.poll(async () => (await answers()).filter((text) => text.includes('Lisbon')), { timeout: 30_000 }).toHaveLength(2)
    expect((await page.locator('.user').allTextContents())[1]).toMatch(/weather/i)
    await button('Mute').click()
    await button('Talk').waitFor()
    expect(sent.filter((frame) => frame.includes('"input_audio_buffer.append"')).length).toBeGreaterThan(10)
  })

  it('stops an answer, and the model knows how much of it was heard', async () => {
    await type(STORY)
    await expect.poll(() => button('Stop the answer').isEnabled(), { timeout: 30_000 }).toBe(true)
    await expect.poll(async () => (await answers()).at(-1) ?? '', { timeout: 30_000 }).toContain('number 8')
    await button('Stop the answer').click()
    await expect.poll(() => button('Stop the answer').isEnabled(), { timeout: 1000, interval: 20 }).toBe(false)
    const cut = sent.map((frame) => JSON.parse(frame) as { type: string; audio_end_ms?: number }).find((event) => event.type === 'conversation.item.truncate')
    expect(cut?.audio_end_ms).toBeGreaterThan(0)
    const before = (await answers()).length
    await type('What did you say?')
    await expect.poll(async () => (await answers()).length, { timeout: 30_000 }).toBe(before + 1)
    await expect.poll(async () => (await answers()).at(-1) ?? '', { timeout: 30_000 }).toMatch(/\w/)
    expect((await answers()).at(-1)).not.toContain('number 8')
    expect(
      await page
        .getByRole('alert')
        .allTextContents()
        .then((texts) => texts.join('')),
    ).toBe('')
  })

  it.runIf(develops)('works as well while it is developed (skipped for the others)', async () => {
    const port = await freePort()
    const developed = startScript(name, 'dev', { PORT: port, RELAY_URL: relay.url }, `--port ${port}`)
    try {
      await developed.says(/ready/i, 30_000)
      // A cookie is for all ports of a host.
      await page.goto(`http://localhost:${port}`)
      await type('What is the weather in Lisbon?')
      await page.locator('.assistant', { hasText: 'Lisbon' }).waitFor({ timeout: 30_000 })
    } finally {
      await developed.stop()
    }
  })

  it('is as it was copied, whatever its tools did', () => {
    const copied = readdirSync(join(APPS_SOURCE, name), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== 'package.json')
    const changed = copied.filter((entry) => {
      const path = join(entry.parentPath, entry.name)
      return readFileSync(path, 'utf8') !== readFileSync(join(appFolder(name), path.slice(join(APPS_SOURCE, name).length)), 'utf8')
    })
    expect(copied.length).toBeGreaterThan(5)
    expect(changed.map((entry) => entry.name)).toEqual([])
  })

  it('complains of nothing, and has no secret in what a page gets', async () => {
    // The one answer that was asked for without a cookie; and Next ends the answer of its own sign-in once it has the new page.
    const expected = name === 'next' ? /401|^failed: http:\/\/localhost:\d+\/$/ : /401/
    expect(complaints.filter((line) => !expected.test(line))).toEqual([])
    const secrets = Object.values(secretsOf(name))
    expect(secrets.map((secret) => secret.length >= 32)).toEqual([true, true])
    const folder = join(appFolder(name), served)
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    expect(files.length).toBeGreaterThan(1)
    const found = files.filter(
      (entry) =>
        secrets.some((secret) => readFileSync(join(entry.parentPath, entry.name), 'latin1').includes(secret)) ||
        readFileSync(join(entry.parentPath, entry.name), 'latin1').includes('JWT_SECRET'),
    )
    expect(found.map((entry) => entry.name)).toEqual([])
    const html = await page.content()
    for (const secret of secrets) expect(html + app.output).not.toContain(secret)
  })

  it('lets nobody in by a mere name if the relay is elsewhere', async () => {
    const port = await freePort()
    const far = startScript(name, 'start', { PORT: port, RELAY_URL: 'wss://relay.example.com/v1/realtime' })
    try {
      await far.says(ready, 30_000)
      await browser.context.clearCookies()
      await page.goto(`http://localhost:${port}`)
      if (name !== 'next') {
        await page.getByLabel('Your name').fill('alice')
        await button('Sign in').click()
      }
      await page.getByRole('alert').filter({ hasText: 'ALLOW_ANY_NAME=yes' }).waitFor()
      expect(await browser.context.cookies()).toEqual([])
    } finally {
      await far.stop()
    }
  })
})
