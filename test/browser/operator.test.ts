// The operators' page on the admin port, in Chromium under 500 sessions of two relays: its numbers, its bounds, what it ends, by keyboard, on a phone, in the dark.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Browser, chromiumPath, complaintsOf, openBrowser } from '../support/chromium.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { uniquePrefix } from '../support/redis.js'
import { DEPLOYMENT, type RunningRelay, runRelay } from '../support/running-relay.js'

const reason = chromiumPath() ? '' : ' (skipped: Chromium not installed)'
const SESSIONS = 500
const USERS = 50
const AT_ONCE = 25
/** Where the screenshots go, to be looked at. Unset: none are kept. */
const SCREENSHOTS = process.env.SCREENSHOTS
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface ListedSession {
  readonly id: string
  readonly subject: string
  readonly relay: string
}

describe.skipIf(!chromiumPath())(`the operators' page${reason}`, { timeout: 60_000 }, () => {
  const prefix = uniquePrefix()
  const folder = mkdtempSync(join(tmpdir(), 'operator-'))
  const redis = new Redis(process.env.REDIS_URL ?? '')
  const clients: RealtimeClient[] = []
  let relays: readonly [RunningRelay, RunningRelay]
  let browser: Browser
  let page: Page
  let complaints: readonly string[]

  beforeAll(async () => {
    const prices = join(folder, 'prices.json')
    writeFileSync(prices, JSON.stringify({ currency: 'USD', date: '2026-11-25', prices: { [DEPLOYMENT]: { input_text: 4, output_text: 16 } } }))
    const env = { REDIS_URL: process.env.REDIS_URL ?? '', REDIS_KEY_PREFIX: prefix, PRICES_FILE: prices, SESSION: '{"output_modalities":["text"]}', MAX_SESSIONS: '1000' }
    relays = await Promise.all([runRelay({ env, simulator: { rateLimits: 'both' } }), runRelay({ env, simulator: { rateLimits: 'both' } })])
    browser = await openBrowser()
    for (let first = 0; first < SESSIONS; first += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => call(first + index)))
    await Promise.all(clients.slice(0, 60).map((client) => client.ask('Good morning to you')))
  }, 120_000)
  afterEach(() => page?.close())
  afterAll(async () => {
    await browser?.close()
    for (const client of clients) client.close()
    await Promise.all((relays ?? []).map((relay) => relay.close()))
    redis.disconnect()
    rmSync(folder, { recursive: true })
  }, 60_000)

  async function call(index: number, subject = `caller-${index % USERS}`): Promise<RealtimeClient> {
    const to = relays[index % 2] as RunningRelay
    const client = await connectClient(`${to.wsUrl}/v1/realtime`, await to.token(subject))
    clients.push(client)
    await client.next('session.created')
    return client
  }

  async function open(scope: string, size = { width: 1440, height: 900 }, ttlSeconds = 600): Promise<void> {
    page = await browser.context.newPage()
    await page.setViewportSize(size)
    await page.addInitScript('addEventListener("securitypolicyviolation", (event) => console.error("policy", event.violatedDirective, event.blockedURI))')
    complaints = complaintsOf(page)
    await page.goto(relays[0].relay.adminUrl)
    await page.getByLabel('Token', { exact: true }).fill(await relays[0].token('operator', { scope }, ttlSeconds))
    await page.getByRole('button', { name: 'Watch' }).click()
    await page.locator('#status', { hasText: 'Live' }).waitFor()
  }

  const ask = async (path: string, scope = 'relay:read', method = 'GET') => {
    const authorization = `Bearer ${await relays[0].token('asker', { scope })}`
    const answer = await fetch(`${relays[0].relay.adminUrl}/v1/admin${path}`, { method, headers: { authorization } })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }

  async function listed(): Promise<readonly ListedSession[]> {
    const found: ListedSession[] = []
    for (let next: unknown = ''; next !== null; ) {
      const { body } = await ask(`/sessions?limit=500${next === '' ? '' : `&cursor=${next}`}`)
      found.push(...(body.sessions as ListedSession[]))
      next = body.next
    }
    return found
  }

  const number = (name: string) => page.locator('#numbers > div', { has: page.locator('dt', { hasText: name }) }).locator('dd')
  const rows = () => page.locator('#sessions tbody tr')
  const findings = async () => {
    await page.evaluate(AXE)
    return page.evaluate<readonly string[]>(
      "axe.run(document).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ': ' + target + ' ' + failureSummary)))",
    )
  }
  const shoot = async (name: string) => {
    if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/operator-${name}.png`, fullPage: !name.includes('top') })
  }
  /** The page shows pseudonyms: a user is found by the id of a session. */
  const filterFor = async (user: string) => {
    await page.getByLabel('Only with').fill((await listed()).find(({ subject }) => subject === user)?.id ?? 'nobody')
    await expect.poll(() => rows().count(), { timeout: 5000 }).toBe(1)
  }
  const openFirst = async (what: string) => {
    await rows().first().getByRole('button').click()
    await page.getByRole('dialog').getByText(what).click()
    await page
      .getByRole('dialog')
      .getByText(/^User u-\w+: /)
      .waitFor()
  }
  const acting = (name: string) => page.getByRole('dialog').getByRole('button', { name, exact: true })

  it('shows what the admin API shows, of both relays', async () => {
    await open('relay:read')
    const all = await listed()
    expect(all).toHaveLength(SESSIONS)
    await expect.poll(() => number('Calls now').textContent()).toBe(`${SESSIONS} of 2,000`)
    const byRelay = await page
      .locator('#relays tbody tr')
      .evaluateAll((lines) => Object.fromEntries(lines.map((line) => [line.children[0]?.textContent, Number(line.children[2]?.textContent)])))
    for (const relay of new Set(all.map((one) => one.relay))) expect(byRelay[relay]).toBe(all.filter((one) => one.relay === relay).length)
    expect(Object.keys(byRelay)).toHaveLength(2)
    expect(await page.locator('#shown').textContent()).toBe(`100 of ${SESSIONS} calls`)
    await page.getByRole('button', { name: `Show all ${SESSIONS}` }).click()
    await expect.poll(() => rows().count()).toBe(SESSIONS)
    const shown = await rows().evaluateAll((lines) => lines.map((line) => line.querySelector('[data-column="Session"]')?.textContent ?? ''))
    expect(shown.sort()).toEqual(all.map(({ id }) => id).sort())
    const { body } = await ask('/deployments')
    const [deployment] = body.deployments as { upstream: string; breaker: string; limits: { name: string; remaining: number }[] }[]
    await expect.poll(() => page.locator('#upstreams h3').allTextContents()).toEqual([deployment?.upstream])
    await expect.poll(() => page.locator('#upstreams .facts').textContent()).toContain(`2 relays dial · ${SESSIONS} calls`)
    expect(deployment?.limits.length).toBeGreaterThan(0)
    for (const { name, remaining } of deployment?.limits ?? []) {
      const text = (await page.locator('#upstreams .limits p', { hasText: `${name}:` }).textContent()) ?? ''
      expect(text).toContain(remaining < 10_000 ? `${name}: ${new Intl.NumberFormat('en').format(remaining)}` : `${name}: `)
    }
    expect(await page.locator('#numbers').textContent()).toContain('0 of 60')
    expect(await page.textContent('body')).not.toContain('caller-')
    expect(await page.textContent('body')).not.toContain('Good morning')
    expect(complaints).toEqual([])
  })

  it('shows the tokens and the money that the admin API has in its usage, of each user and of all, over both relays', async () => {
    const spender = [await call(0, 'spender'), await call(1, 'spender')]
    for (const client of spender) for (const text of ['How much is it', 'And with everything that you can think of']) await client.ask(text)
    const all = await listed()
    const subjects = new Map(all.map(({ id, subject }) => [id, subject]))
    expect(new Set(all.filter(({ subject }) => subject === 'spender').map(({ relay }) => relay)).size).toBe(2)
    const usageOf = async (subject: string) => {
      const counters = (await ask(`/usage/${subject}`)).body.counters as Record<string, number>
      return { input: counters.input_tokens ?? 0, output: counters.output_tokens ?? 0, money: counters.cost_usd ?? 0 }
    }
    const users = [...new Set(subjects.values())]
    const used = async () => Object.fromEntries(await Promise.all(users.map(async (subject) => [subject, await usageOf(subject)] as const)))

    await open('relay:read')
    await page.getByRole('button', { name: `Show all ${all.length}` }).click()
    const shown = async () => {
      const found: Record<string, { input: number; output: number; money: number }> = Object.fromEntries(users.map((subject) => [subject, { input: 0, output: 0, money: 0 }]))
      const cells = await rows().evaluateAll((lines) =>
        lines.map((line) => ['Session', 'Tokens', 'Cost'].map((name) => line.querySelector(`[data-column="${name}"]`)?.textContent ?? '')),
      )
      for (const [id = '', tokens = '', cost = ''] of cells) {
        const of = found[subjects.get(id) ?? '']
        if (!of) throw new Error(`a session that nobody listed: ${id}`)
        const [input = Number.NaN, output = Number.NaN] = tokens.replaceAll(',', '').split(' + ').map(Number)
        of.input += input
        of.output += output
        of.money += cost === '–' ? 0 : Number.parseFloat(cost)
      }
      return found
    }
    const tokensOf = (of: Awaited<ReturnType<typeof shown>>) => Object.entries(of).map(([subject, { input, output }]) => [subject, input, output])
    await expect.poll(async () => tokensOf(await shown()), { timeout: 10_000 }).toEqual(tokensOf(await used()))
    const [onPage, inUsage] = [await shown(), await used()]
    const sum = (name: 'input' | 'output' | 'money') => Object.values(inUsage).reduce((total, of) => total + of[name], 0)
    // Each row is rounded to a hundredth of a cent.
    for (const subject of users) expect(Math.abs((onPage[subject]?.money ?? Number.NaN) - (inUsage[subject]?.money ?? 0))).toBeLessThan(10 * 0.00005 + 1e-9)
    expect([inUsage.spender?.input, inUsage.spender?.output, inUsage.spender?.money].every((amount) => (amount ?? 0) > 0)).toBe(true)
    expect(inUsage['caller-0']?.money).toBeGreaterThan(0)

    const spelled = (amount: number) => new Intl.NumberFormat('en', amount < 10_000 ? {} : { notation: 'compact', maximumFractionDigits: 1 }).format(amount)
    expect(await number('Tokens of these calls').textContent()).toBe(`${spelled(sum('input'))} in, ${spelled(sum('output'))} out`)
    expect(await number('Cost of these calls').textContent()).toBe(`${sum('money').toFixed(sum('money') < 1 ? 4 : 2)} USD`)
    for (const client of spender) client.close()
    await Promise.all(spender.map((client) => client.closed()))
    await expect.poll(async () => (await listed()).length).toBe(SESSIONS)
  })

  it.each([
    { name: '1440', size: { width: 1440, height: 900 }, scheme: 'light' as const },
    { name: '390', size: { width: 390, height: 844 }, scheme: 'dark' as const },
  ])('axe finds nothing, and nothing is wider than the screen: $name, $scheme', async ({ name, size, scheme }) => {
    await open('relay:admin', size)
    await page.emulateMedia({ colorScheme: scheme })
    await expect.poll(() => rows().count()).toBe(100)
    await shoot(`top-${name}-${scheme}`)
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(size.width)
    await shoot(`${name}-${scheme}`)
    await page.getByLabel('Only with').fill((await rows().first().getByRole('rowheader').textContent()) ?? '')
    await expect.poll(() => rows().count()).toBe(SESSIONS / USERS)
    expect(await findings()).toEqual([])
    await openFirst('Revoke this user')
    await shoot(`top-act-${name}-${scheme}`)
    expect(await findings()).toEqual([])
    await acting('Cancel').click()
    expect(complaints).toEqual([])
  })

  it('is used by keyboard: watch, sort, filter, end a call; Escape goes back to where one was', async () => {
    const victim = await call(0, 'keyboard-victim')
    const { id = '' } = (await listed()).find(({ subject }) => subject === 'keyboard-victim') ?? {}
    page = await browser.context.newPage()
    await page.goto(relays[0].relay.adminUrl)
    const focused = () => page.evaluate<string>('document.activeElement.id || document.activeElement.getAttribute("aria-label") || document.activeElement.tagName')
    const press = (...keys: string[]) => keys.reduce<Promise<void>>((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve())
    await press('Tab')
    expect(await focused()).toBe('token')
    await page.keyboard.insertText(await relays[0].token('operator', { scope: 'relay:admin' }))
    await press('Enter')
    await page.locator('#status', { hasText: 'Live' }).waitFor()
    await press('Tab')
    while ((await focused()) !== 'sort') await press('Tab')
    await press('ArrowDown', 'ArrowDown', 'Tab')
    expect(await page.locator('#sort').inputValue()).toBe('age')
    expect(await focused()).toBe('filter')
    await page.keyboard.insertText(id)
    await expect.poll(() => rows().count()).toBe(1)
    await press('Tab')
    expect(await focused()).toContain(`session ${id}`)
    // Pictures go on, and take the focus from nobody.
    const seen = await page.textContent('#status')
    await expect.poll(() => page.textContent('#status'), { timeout: 5000 }).not.toBe(seen)
    expect(await focused()).toContain(`session ${id}`)
    await press('Enter')
    await page.getByRole('dialog').waitFor()
    await press('Escape')
    expect(await focused()).toContain(`session ${id}`)
    await press('Enter')
    await page.getByRole('dialog').getByText('keyboard-victim').waitFor()
    await press('Enter')
    expect(await victim.closed()).toMatchObject({ code: 4410 })
    await page.locator('#told', { hasText: '1 call ended.' }).waitFor()
    await expect.poll(() => rows().count(), { timeout: 5000 }).toBe(0)
  })

  it('ends all calls of a user, on both relays; revokes one whose name is typed again', async () => {
    const gone = [await call(0, 'many-calls'), await call(1, 'many-calls')]
    const name = '<i>bad</i> actor <img src=x onerror=alert(1)>'
    const revoked = await call(1, name)
    await open('relay:admin')
    await filterFor('many-calls')
    await openFirst('End all calls of this user')
    await acting('End all calls').click()
    expect((await Promise.all(gone.map((one) => one.closed()))).map(({ code }) => code)).toEqual([4410, 4410])
    await page.locator('#told', { hasText: '2 calls ended.' }).waitFor()
    await filterFor(name)
    await openFirst('Revoke this user')
    expect(await page.getByRole('dialog').locator('i, img').count()).toBe(0)
    await page.getByLabel('name again').fill('bad actor')
    expect(await acting('Revoke').isDisabled()).toBe(true)
    await page.getByLabel('name again').fill(name)
    await acting('Revoke').click()
    expect(await revoked.closed()).toMatchObject({ code: 4401 })
    await page.locator('#told', { hasText: 'Revoked until' }).waitFor()
    expect(complaints).toEqual([])
  })

  it('with relay:read alone has no button, and the relay refuses what it would have done', async () => {
    await open('relay:read')
    await page.getByText('This token reads only').waitFor()
    expect(await page.locator('#sessions').getByRole('button').count()).toBe(0)
    const [{ id } = { id: '' }] = await listed()
    for (const path of [`/sessions/${id}/end`, '/users/caller-1/end', '/revoke']) expect((await ask(path, 'relay:read', 'POST')).status).toBe(403)
  })

  it('asks for another token when this one is wrong, without scope, or over; keeps none, in no store of the browser', async () => {
    page = await browser.context.newPage()
    await page.goto(relays[0].relay.adminUrl)
    const enter = async (token: string) => {
      await page.getByLabel('Token', { exact: true }).fill(token)
      await page.getByRole('button', { name: 'Watch' }).click()
    }
    const problem = (text: string) => page.getByRole('alert').filter({ hasText: text }).waitFor()
    await enter('not-a-token')
    await problem('does not accept this token')
    await enter(await relays[0].token('nobody'))
    await problem('neither relay:read')
    await enter(await relays[0].token('operator', { scope: 'relay:read' }, 3))
    await page.locator('#status', { hasText: 'Live' }).waitFor()
    expect(await page.evaluate<string>('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, document.querySelector("#token").value])')).toBe(
      '[{},{},"",""]',
    )
    await problem('has expired')
    expect(await page.locator('#board').isVisible()).toBe(false)
  })

  it('says first what is broken: a relay that says nothing, an upstream that is lost, a limit that is used up', async () => {
    await open('relay:read')
    const troubles = () => page.locator('#troubles').textContent()
    await redis.zadd(`${prefix}relays`, String(Date.now() + 60_000), 'gone-relay')
    await expect.poll(troubles, { timeout: 5000 }).toContain('Broken: relay gone-relay says nothing')
    expect(await page.textContent('#status')).toContain('2 of 3 relays')
    relays[0].simulator.setFaults({ refuse: { status: 429, retryAfterSeconds: 60 } })
    await connectClient(`${relays[0].wsUrl}/v1/realtime`, await relays[0].token('unlucky')).then((client) => client.closed())
    relays[0].simulator.setFaults({})
    await expect.poll(troubles, { timeout: 5000 }).toContain('azure requests is used up.')
    await expect.poll(() => page.locator('#errors').textContent(), { timeout: 5000 }).toContain('azure:rate_limited')
    const levels = await page.locator('#troubles li').evaluateAll((items) => items.map(({ className }) => className))
    expect(levels).toEqual([...levels].sort())
    await shoot('top-broken')
    await redis.zrem(`${prefix}relays`, 'gone-relay')
    await expect.poll(troubles, { timeout: 5000 }).not.toContain('gone-relay')
    expect(complaints).toEqual([])
  })
})
