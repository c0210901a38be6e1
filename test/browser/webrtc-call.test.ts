// A spoken WebRTC call of a real Chromium to the simulator: heard, answered aloud, a tool over the sideband, and hung up.
import { rmSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { type Client, connect } from '../simulator/client.js'
import { type Browser, chromiumPath, openBrowser } from '../support/chromium.js'
import { hasEspeak, speechFile } from '../support/speech.js'
import { type PageServer, servePage } from './page-server.js'

const missing = [...(chromiumPath() ? [] : ['Chromium']), ...(hasEspeak() ? [] : ['espeak-ng'])]
const reason = missing.length > 0 ? ` (skipped: ${missing.join(' and ')} not installed)` : ''
const KEY = { 'api-key': 'k' }
const TOOL = { type: 'function', name: 'get_weather', description: 'The weather in a city', parameters: { type: 'object', properties: { city: { type: 'string' } } } }

/** As Azure's own sample page does it: the offer is posted before any address is gathered. */
const PAGE = `
  const events = [], states = []
  let peer, wake = () => {}
  const changed = () => { wake(); wake = () => {} }
  globalThis.call = {
    events, states,
    async place(url, secret, withChannel) {
      peer = new RTCPeerConnection()
      const audio = document.createElement('audio')
      audio.autoplay = true
      peer.ontrack = ({ streams }) => { audio.srcObject = streams[0] }
      peer.onconnectionstatechange = () => { states.push(peer.connectionState); changed() }
      const microphone = await navigator.mediaDevices.getUserMedia({ audio: true })
      peer.addTrack(microphone.getAudioTracks()[0], microphone)
      if (withChannel) {
        const channel = peer.createDataChannel('realtime-channel')
        channel.onmessage = ({ data }) => { events.push(JSON.parse(data)); changed() }
        channel.onclose = () => { states.push('channel closed'); changed() }
      }
      const offer = await peer.createOffer()
      await peer.setLocalDescription(offer)
      const answer = await fetch(url, { method: 'POST', body: offer.sdp, headers: { authorization: 'Bearer ' + secret, 'content-type': 'application/sdp' } })
      await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
      return [answer.status, answer.headers.get('location')]
    },
    async until(state) {
      while (!states.includes(state)) await new Promise((resolve) => { wake = resolve })
    },
    async heard() {
      for (const report of (await peer.getStats()).values()) if (report.type === 'inbound-rtp') return { packets: report.packetsReceived, lost: report.packetsLost, energy: report.totalAudioEnergy }
    },
    leave: () => peer.close(),
  }`

describe.skipIf(missing.length > 0)(`a call from Chromium${reason}`, { timeout: 60_000 }, () => {
  let simulator: Simulator
  let pages: PageServer
  let browser: Browser
  let page: Page
  let folder = ''

  beforeAll(async () => {
    const speech = speechFile('What is the weather in Lisbon today?', { beforeMs: 1500, afterMs: 2000 })
    folder = speech.folder
    simulator = await startSimulator({ heardText: 'What is the weather in Lisbon?', speed: Number.POSITIVE_INFINITY })
    pages = await servePage(PAGE)
    browser = await openBrowser({ microphoneFile: speech.file, args: ['--allow-loopback-in-peer-connection', '--autoplay-policy=no-user-gesture-required'] })
  })
  afterAll(async () => {
    await browser?.close()
    await pages?.close()
    await simulator?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function place(session: object, withChannel: boolean): Promise<Client> {
    page = await browser.context.newPage()
    await page.goto(pages.origin)
    const minted = await fetch(`${simulator.url}/openai/v1/realtime/client_secrets`, {
      method: 'POST',
      headers: KEY,
      body: JSON.stringify({ session: { type: 'realtime', model: 'gpt-realtime', ...session } }),
    })
    const { value } = (await minted.json()) as { value: string }
    const url = `${simulator.url}/openai/v1/realtime/calls?webrtcfilter=on`
    const [status, location] = await page.evaluate<[number, string]>(`call.place(${JSON.stringify(url)}, ${JSON.stringify(value)}, ${withChannel})`)
    expect([status, location]).toEqual([201, expect.stringMatching(/^\/v1\/realtime\/calls\/rtc_[0-9a-f]{32}$/)])
    const side = await connect(simulator, `/openai/v1/realtime?call_id=${location.split('/').at(-1)}`, KEY)
    await page.evaluate(`call.until('connected')`)
    return side
  }
  const hangUp = () => fetch(`${simulator.url}/openai/v1/realtime/calls/${simulator.calls()[0]?.id}/hangup`, { method: 'POST', headers: KEY })

  it('is heard, calls a tool that the sideband answers, plays the answer, and is hung up in the page', async () => {
    const side = await place({ tools: [TOOL] }, true)
    const started = await side.next('input_audio_buffer.speech_started')
    const stopped = await side.next('input_audio_buffer.speech_stopped')
    // espeak-ng takes about two seconds for the sentence; its first pause may end the turn.
    expect(Number(stopped.audio_end_ms) - Number(started.audio_start_ms)).toBeGreaterThan(500)
    await side.next('input_audio_buffer.committed')
    const called = await side.next('response.function_call_arguments.done')
    expect(JSON.parse(String(called.arguments))).toEqual({ city: 'Lisbon' })
    await side.next('response.done')
    side.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: called.call_id, output: '{"degrees": 21}' } })
    side.send({ type: 'response.create' })
    await side.next('output_audio_buffer.started')
    await side.next('output_audio_buffer.stopped')
    const heard = await page.evaluate<{ packets: number; lost: number; energy: number }>('call.heard()')
    expect(heard.packets).toBeGreaterThan(50)
    expect(heard.energy).toBeGreaterThan(0.01)
    const types = await page.evaluate<string[]>('call.events.map((event) => event.type)')
    expect(types).toEqual(
      expect.arrayContaining(['input_audio_buffer.speech_started', 'conversation.item.added', 'response.output_audio_transcript.delta', 'output_audio_buffer.started']),
    )
    expect(types.filter((type) => /^(session|response\.(created|done|function_call))/.test(type))).toEqual([])
    expect((await hangUp()).status).toBe(200)
    // Its connection says so only once nothing has come for some seconds.
    await page.evaluate(`call.until('channel closed')`)
    expect(await page.evaluate('call.states')).not.toContain('disconnected')
    expect((await side.closed()).code).toBe(1000)
    await page.close()
  })

  it('has media alone if the offer has no channel, and ends when the page leaves', async () => {
    const side = await place({ instructions: 'Be brief.' }, false)
    await side.next('input_audio_buffer.committed')
    await side.next('output_audio_buffer.started')
    await expect.poll(async () => (await page.evaluate<{ packets: number }>('call.heard()')).packets).toBeGreaterThan(20)
    expect(simulator.calls()).toMatchObject([{ connected: true, channel: false }])
    await page.evaluate('call.leave()')
    expect((await side.closed()).code).toBe(1000)
    expect(simulator.calls()).toEqual([])
    await page.close()
  })
})
