// The page of the simulator's control port: sessions while they live, events as they pass, faults that are sent, and a phone's width.
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { type Client, connect, update, userText } from '../simulator/client.js'
import { type Browser, chromiumPath, complaintsOf, openBrowser } from '../support/chromium.js'

const reason = chromiumPath() ? '' : ' (skipped: Chromium not installed)'
/** Widths of common phones, in CSS pixels. */
const PHONES = [320, 390]

describe.skipIf(!chromiumPath())(`the simulator's page${reason}`, { timeout: 60_000 }, () => {
  let simulator: Simulator
  let browser: Browser
  let page: Page
  let complaints: readonly string[]
  const clients: Client[] = []

  beforeAll(async () => {
    simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY, control: {} })
    browser = await openBrowser()
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    simulator.setFaults({})
    await page?.close()
  })
  afterAll(async () => {
    await browser?.close()
    await simulator?.close()
  })

  async function open(width = 1180): Promise<void> {
    page = await browser.context.newPage()
    await page.setViewportSize({ width, height: 844 })
    complaints = complaintsOf(page)
    await page.goto(simulator.controlUrl as string)
    // The page is told of events only once its stream is open.
    await page.locator('#watching', { hasText: 'Watching' }).waitFor()
  }
  async function dial(): Promise<Client> {
    const client = await connect(simulator)
    clients.push(client)
    await client.next('session.created')
    return client
  }
  async function ask(client: Client, words: string): Promise<void> {
    client.send(update({ output_modalities: ['text'] }))
    client.send(userText(words))
    client.send({ type: 'response.create' })
    await client.next('response.done')
  }
  const events = () => page.locator('#events')
  const rows = () => page.locator('#sessions tr')
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const told = (text: string) => page.getByRole('status').filter({ hasText: text }).waitFor()

  it('shows sessions while they live, and events as they pass, both ways', async () => {
    await open()
    const client = await dial()
    await rows().filter({ hasText: 'gpt-realtime' }).filter({ hasText: 'open' }).waitFor()
    await ask(client, 'Are you open?')
    await events().locator('.server', { hasText: 'response.done' }).waitFor()
    await events().locator('.client', { hasText: 'Are you open?' }).waitFor()
    await page.locator('#count', { hasText: '1' }).waitFor()
    client.close()
    await rows().filter({ hasText: 'ended 1005' }).waitFor()
    await page.locator('#count', { hasText: '0' }).waitFor()
    expect(complaints).toEqual([])
  })

  it('sends a fault, ends it, and ends sessions', async () => {
    await open()
    const client = await dial()
    await page.getByLabel('Send a fault').fill('{"failResponse": "server_error"}')
    await press('Send')
    await told('Done.')
    await ask(client, 'hello')
    expect(JSON.stringify(client.events.at(-1))).toContain('server_error')
    await events().locator('.server', { hasText: '"status":"failed"' }).waitFor()
    await press('End all faults')
    await expect.poll(async () => (await fetch(`${simulator.controlUrl}/faults`)).json()).toEqual({})
    await ask(client, 'hello again')
    expect(client.events.at(-1)).toMatchObject({ response: { status: 'completed' } })
    await press('End all sessions')
    expect((await client.closed()).code).toBe(1006)
    await page.locator('#count', { hasText: '0' }).waitFor()
    expect(complaints).toEqual([])
  })

  it('ends the sessions by the fault that stands there at first', async () => {
    await open()
    const client = await dial()
    await press('Send')
    expect((await client.closed()).code).toBe(1006)
    await rows().filter({ hasText: 'ended 1006' }).first().waitFor()
    expect(complaints).toEqual([])
  })

  it('says what is wrong with a fault', async () => {
    await open()
    await page.getByLabel('Send a fault').fill('{"nonsense": 1}')
    await press('Send')
    await told('faults.nonsense')
    await page.getByLabel('Send a fault').fill('{')
    await press('Send')
    await told('not valid JSON')
  })

  it('shows words of a client as text', async () => {
    await open()
    await ask(await dial(), '<img src=x onerror="document.title=1">')
    await events().locator('.client', { hasText: '<img' }).waitFor()
    expect(await events().locator('img').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  it.each(PHONES)('needs no sideways scrolling at a width of %i', async (width) => {
    await open(width)
    const client = await connect(simulator, `/openai/v1/realtime?model=${'a-long-name-'.repeat(5)}`)
    clients.push(client)
    await client.next('session.created')
    await ask(client, 'x'.repeat(300))
    await events().locator('.server', { hasText: 'response.done' }).waitFor()
    await rows().filter({ hasText: 'a-long-name' }).first().waitFor()
    const wide = await page.evaluate<string[]>(
      `[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.tagName + '#' + one.id)`,
    )
    expect(wide).toEqual([])
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    expect(complaints).toEqual([])
  })

  it('says when the simulator is gone', async () => {
    const other = await startSimulator({ control: {} })
    page = await browser.context.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    await page.goto(other.controlUrl as string)
    await page.locator('#watching', { hasText: 'Watching' }).waitFor()
    await other.close()
    await page.locator('#watching', { hasText: 'The simulator does not answer' }).waitFor()
    await press('Send')
    await told('The simulator does not answer')
    expect(errors).toEqual([])
  })
})
