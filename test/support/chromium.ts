// A real Chromium with its own profile, if one is installed. Its microphone can play a file.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export function chromiumPath(): string | undefined {
  return PATHS.find(existsSync)
}

export interface Browser {
  readonly context: BrowserContext
  close(): Promise<void>
}

export interface BrowserOptions {
  /** Played once by the fake microphone, from the moment it is opened. */
  readonly microphoneFile?: string
  readonly args?: readonly string[]
  readonly size?: { readonly width: number; readonly height: number }
}

/** Throws if no Chromium is installed: check `chromiumPath` first. */
export async function openBrowser(options: BrowserOptions = {}): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-chromium-'))
  const fakeDevice = [
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    ...(options.microphoneFile ? [`--use-file-for-fake-audio-capture=${options.microphoneFile}%noloop`] : []),
  ]
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: chromiumPath() ?? '',
    headless: true,
    args: [...QUIET, ...fakeDevice, ...(options.args ?? [])],
    viewport: options.size ?? { width: 1180, height: 720 },
    colorScheme: 'light',
  })
  return {
    context,
    async close() {
      await context.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Collects every error that the page's console would show. */
export function complaintsOf(page: Page): readonly string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(`${message.type()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`))
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`))
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`)
  })
  return complaints
}
