// The hook in a real Chromium, against a real relay: StrictMode, how often it renders, what unmounting and another address do, and what is shown of a problem.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type PageServer, servePage } from '../browser/page-server.js'
import { type Browser, chromiumPath, complaintsOf, openBrowser } from '../support/chromium.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

const reason = chromiumPath() ? '' : ' (skipped: Chromium not installed)'

/** `lab.show(props)` renders the component with these, and resolves once React has run its effects; everything that it returned is kept. */
const PAGE = `
  import { createElement, StrictMode, useEffect } from 'react'
  import { createRoot, hydrateRoot } from 'react-dom/client'
  import { renderToString } from 'react-dom/server'
  import { useRelay } from '../../src/react/react.ts'
  const views = [], committed = []
  let root, tokens = 0, shows = 0, onShown
  globalThis.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given)
      lab.socket = this
    }
  }
  function Talk(props) {
    const view = useRelay({ ...props, async token() { tokens++; return props.bad ? Promise.reject(new Error('no')) : mint() } })
    views.push(view)
    useEffect(() => {
      committed.push(view)
      if (props.nth === shows) onShown?.()
    })
    return createElement('p', { id: 'talk' }, view.state, ...view.lines.map(({ id, role, text }) => createElement('b', { key: id, className: role }, text)))
  }
  const element = (props) => createElement(StrictMode, null, createElement(Talk, props))
  globalThis.lab = {
    views,
    committed,
    get last() { return views.at(-1) },
    get tokens() { return tokens },
    show(props) {
      root ??= createRoot(document.body.appendChild(document.createElement('div')))
      root.render(element({ ...props, nth: ++shows }))
      return new Promise((resolve) => { onShown = resolve })
    },
    hydrate(props) {
      const place = document.body.appendChild(document.createElement('div'))
      place.innerHTML = renderToString(element(props))
      root = hydrateRoot(place, element(props))
    },
    hide: () => root.render(null),
    async until(test) {
      const end = Date.now() + 15000
      while (!test(lab.last)) {
        if (Date.now() > end) throw new Error('never: ' + test)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
  }`

describe.skipIf(!chromiumPath())(`useRelay in Chromium${reason}`, { timeout: 60_000 }, () => {
  let pages: PageServer
  let running: RunningRelay
  let browser: Browser
  let page: Page
  let complaints: readonly string[]
  let url: string

  beforeAll(async () => {
    pages = await servePage(PAGE)
    running = await runRelay({ env: { ALLOWED_ORIGINS: pages.origin }, simulator: { speed: 1 } })
    url = `${running.wsUrl}/v1/realtime`
    browser = await openBrowser({ args: ['--autoplay-policy=no-user-gesture-required'] })
    await browser.context.exposeFunction('mint', () => running.token('alice', { relayEvents: true }, 300))
  })
  afterAll(async () => {
    await browser?.close()
    await running?.close()
    await pages?.close()
  })
  beforeEach(async () => {
    page = await browser.context.newPage()
    complaints = complaintsOf(page)
    await page.goto(pages.origin)
  })
  afterEach(async () => {
    await page.close()
    await sessions(0)
  })

  const inPage = <T>(code: string) => page.evaluate<T>(code)
  const show = (props: object) => inPage<void>(`lab.show(${JSON.stringify({ url, ...props })})`)
  const until = (test: string) => inPage<void>(`lab.until((view) => ${test})`)
  const metric = async (name: string) =>
    [...(await (await fetch(`${running.relay.adminUrl}/metrics`)).text()).matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    )
  const sessions = (count: number) => expect.poll(() => metric('relay_sessions'), { timeout: 10_000 }).toBe(count)

  it('under StrictMode opens one session, asks for one token, and ends it with the component', async () => {
    const before = await metric('relay_sessions_opened_total')
    await show({ immediate: true })
    await until(`view.state === 'open'`)
    await sessions(1)
    expect((await metric('relay_sessions_opened_total')) - before).toBe(1)
    expect(await inPage('lab.tokens')).toBe(1)
    await inPage('lab.hide()')
    await sessions(0)
    // What a click of the old component still holds opens nothing.
    await inPage(`lab.last.talk()`)
    await inPage(`lab.last.say('hello')`)
    expect(await inPage('lab.tokens')).toBe(1)
    expect(complaints).toEqual([])
  })

  it('opens nothing by itself, and at the first words; a turn shows what both said', async () => {
    await show({})
    await until(`view.state === 'closed'`)
    expect(await inPage('lab.tokens')).toBe(0)
    await inPage(`lab.last.say('What is the weather in Lisbon?')`)
    await page.locator('#talk .assistant', { hasText: 'sunny in Lisbon' }).waitFor({ timeout: 20_000 })
    expect(await page.locator('#talk .user').textContent()).toBe('What is the weather in Lisbon?')
    await until(`view.lines.at(-1).done`)
    expect(await inPage('lab.last.lines.map(({ role, done }) => [role, done])')).toEqual([
      ['user', true],
      ['assistant', true],
    ])
    expect(running.toolRequests.at(-1)).toBe('POST /weather {"city":"Lisbon"}')
    expect(complaints).toEqual([])
  })

  it('does not render for sound', async () => {
    await show({ immediate: true })
    await until(`view.state === 'open'`)
    await inPage(`{
      lab.sound = []
      lab.relay = lab.last.relay
      lab.relay.on('response.output_audio.delta', () => lab.sound.push(lab.views.length))
      lab.changes = 0
      for (const type of ['state', 'problem', 'listening', 'speaking', 'response.output_audio_transcript.delta', 'conversation.item.added', 'conversation.item.done', 'response.output_item.done'])
        lab.relay.on(type, () => lab.changes++)
      lab.before = lab.views.length
      lab.last.say('Tell me a very long story about the sea, please.')
    }`)
    await until(`view.lines.some(({ role, done }) => role === 'assistant' && done)`)
    const { sound, changes, renders } = await inPage<{ sound: number; changes: number; renders: number }>(
      '({ sound: lab.sound.length, changes: lab.changes, renders: lab.views.length - lab.before })',
    )
    expect(sound).toBeGreaterThan(10)
    // StrictMode renders everything twice.
    expect(renders).toBeLessThanOrEqual(2 * changes)
    // A burst of sound alone: the relay's own event, as it comes, five hundred times.
    const heard = sound
    const burst = await inPage<number>(`(async () => {
      const before = lab.views.length
      const sound = JSON.stringify({ type: 'response.output_audio.delta', event_id: 'e', response_id: 'r', item_id: 'none', output_index: 0, content_index: 0, delta: btoa('\\0'.repeat(960)) })
      for (let at = 0; at < 500; at++) lab.socket.dispatchEvent(new MessageEvent('message', { data: sound }))
      await new Promise((resolve) => setTimeout(resolve, 50))
      return lab.views.length - before
    })()`)
    expect((await inPage<number>('lab.sound.length')) - heard).toBe(500)
    // That something sounds, and no longer does, is to be seen.
    expect(burst).toBeLessThanOrEqual(4)
  })

  // React 18 begins StrictMode with a render whose state it throws away: what was committed counts.
  it('has the same functions in every render, and another relay after another address', async () => {
    await show({})
    await show({ other: 1 })
    await inPage(`lab.last.say('hello')`)
    await until(`view.state === 'open'`)
    await sessions(1)
    await inPage('lab.before = lab.last')
    await show({ url: `${url}?again=1` })
    await until(`view.relay !== lab.before.relay && view.state === 'open'`)
    await sessions(1)
    expect(await inPage('lab.before.relay.state')).toBe('closed')
    expect(await inPage(`['talk', 'mute', 'say', 'interrupt', 'close'].filter((name) => new Set(lab.committed.map((view) => view[name])).size !== 1)`)).toEqual([])
    // An old click reaches the new session.
    await inPage('lab.before.close()')
    await until(`view.state === 'closed'`)
    await show({ url: `${url}?again=2` })
    await until(`view.relay.state === 'closed' && view.lines.length === 0`)
    expect(await inPage('lab.tokens')).toBe(2)
    expect(complaints).toEqual([])
  })

  it('shows a problem with advice, until the user acts again', async () => {
    await show({ bad: true, immediate: true })
    await until(`view.problem !== undefined`)
    expect(await inPage('({ ...lab.last.problem, message: lab.last.problem.message, state: lab.last.state })')).toMatchObject({
      code: 'token',
      message: expect.stringContaining('token()'),
      advice: expect.stringMatching(/\w/),
      fatal: true,
      state: 'closed',
    })
    await show({})
    await inPage(`lab.last.say('hello')`)
    await until(`view.state === 'open' && view.problem === undefined`)
  })

  it('says if the microphone may not be used, and talks on by text', async () => {
    await show({})
    await inPage(`navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') }`)
    await inPage(`lab.last.talk().catch(() => undefined)`)
    await until(`view.problem?.code === 'NotAllowedError' && view.state === 'open' && !view.listening`)
    await inPage(`lab.last.say('hello')`)
    await until(`view.problem === undefined && view.lines.some(({ role }) => role === 'assistant')`)
  })

  it('takes over what a server rendered, without a word of complaint', async () => {
    await inPage(`lab.hydrate(${JSON.stringify({ url, immediate: true })})`)
    await until(`view.state === 'open'`)
    expect(complaints).toEqual([])
  })
})

describe('the hook', () => {
  it('is imported and rendered on a server, where there is no window', async () => {
    // Their types are those of a page, so the compiler of this test does not see them.
    const load = (name: string) => import(name) as Promise<Record<string, (...given: unknown[]) => { state?: string }>>
    const [hook, react, dom] = [await load('../../src/react/react.js'), await load('react'), await load('react-dom/server')]
    const rendered = () => react.createElement?.('p', null, hook.useRelay?.({ url: 'wss://relay.example.com/v1/realtime', token: () => 'none', immediate: true }).state)
    expect('window' in globalThis).toBe(false)
    expect(dom.renderToString?.(react.createElement?.(rendered))).toBe('<p>closed</p>')
  })

  it('is small beside the kit', async () => {
    const { outputFiles } = await build({
      entryPoints: [new URL('../../src/react/react.ts', import.meta.url).pathname],
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      target: 'es2022',
      external: ['react', '../browser/browser.js'],
    })
    expect(gzipSync(outputFiles[0]?.contents ?? '').length).toBeLessThanOrEqual(1250)
  })
})
