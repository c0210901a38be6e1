// The steps of a WebRTC call over HTTP: who may take them, what is answered, and what is refused how, on Azure and on OpenAI.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.js'
import { type Caller, connectCaller, KEY, mint, offering, placeCall, postOffer } from './caller.js'
import { connect } from './client.js'

const JSON_TYPE = { 'content-type': 'application/json' }
const REALTIME = { type: 'realtime', model: 'gpt-realtime' }
const closing: { close(): unknown }[] = []

async function simulate(options: SimulatorOptions): Promise<Simulator> {
  const simulator = await startSimulator(options)
  closing.unshift(simulator)
  return simulator
}
/** An offer whose peer ends before the simulators. */
async function offer(...options: Parameters<typeof offering>) {
  const peer = await offering(...options)
  closing.unshift(peer)
  return peer
}
async function refusal(answer: Response): Promise<[number, string, string]> {
  const { error } = (await answer.json()) as { error: { code: string; message: string } }
  return [answer.status, error.code, error.message]
}

let azure: Simulator
beforeAll(async () => {
  azure = await startSimulator({ apiKey: 'k', deployments: ['gpt-realtime'], speed: Number.POSITIVE_INFINITY })
})
afterEach(async () => {
  azure.setFaults({})
  for (const { id } of azure.calls()) await hangUp(id)
  for (const one of closing.splice(0)) await one.close()
})
afterAll(() => azure.close())

const secrets = (body: unknown, headers: Record<string, string> = KEY) =>
  fetch(`${azure.url}/openai/v1/realtime/client_secrets`, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) })
const hangUp = (callId: string, headers: Record<string, string> = KEY) => fetch(`${azure.url}/openai/v1/realtime/calls/${callId}/hangup`, { method: 'POST', headers })

describe('client secrets', () => {
  it('echo the whole session and live two hours', async () => {
    const before = Math.floor(Date.now() / 1000)
    const secret = await mint(azure, { instructions: 'Be brief.', audio: { input: { transcription: { model: 'whisper-1' } } } })
    expect(secret.value).toMatch(/^ek_\w{32}$/)
    expect(secret.expires_at - before - 7200).toBeLessThanOrEqual(5)
    expect(secret.expires_at - before).toBeGreaterThanOrEqual(7200)
    expect(secret.session).toMatchObject({
      type: 'realtime',
      object: 'realtime.session',
      model: 'gpt-realtime',
      instructions: 'Be brief.',
      expires_at: 0,
      tools: [],
      tool_choice: 'auto',
    })
    expect(secret.session.id).toMatch(/^sess_/)
    expect(secret.session.audio).toMatchObject({
      input: { transcription: { model: 'whisper-1', language: null }, turn_detection: { type: 'server_vad' } },
      output: { voice: 'alloy' },
    })
  })

  it('live as long as was asked', async () => {
    const now = Math.floor(Date.now() / 1000)
    const secret = await mint(azure, {}, { expires_after: { anchor: 'created_at', seconds: 10 } })
    expect([10, 11, 12]).toContain(secret.expires_at - now)
  })

  it('take a bearer token too', async () => {
    expect((await secrets({ session: REALTIME }, { authorization: 'Bearer k' })).status).toBe(200)
  })

  it.each([
    ['no key', { session: REALTIME }, {}, 401, '401'],
    ['a wrong key', { session: REALTIME }, { 'api-key': 'x' }, 401, '401'],
    ['no JSON', '{', KEY, 400, 'invalid_json'],
    ['no object', '[]', KEY, 400, 'invalid_json'],
    ['no session', {}, KEY, 400, 'missing_required_parameter'],
    ['no model', { session: { type: 'realtime' } }, KEY, 400, 'missing_required_parameter'],
    ['an unknown deployment', { session: { type: 'realtime', model: 'other' } }, KEY, 404, 'DeploymentNotFound'],
    ['an unknown field', { session: { ...REALTIME, colour: 'red' } }, KEY, 400, 'unknown_parameter'],
    ['two modalities', { session: { ...REALTIME, output_modalities: ['text', 'audio'] } }, KEY, 400, 'invalid_value'],
    ['too long a life', { session: REALTIME, expires_after: { anchor: 'created_at', seconds: 7201 } }, KEY, 400, 'integer_above_max_value'],
    ['too big a body', JSON.stringify({ session: { ...REALTIME, instructions: 'x'.repeat(1_100_000) } }), KEY, 413, '413'],
  ])('are refused: %s', async (_name, body, headers, status, code) => {
    expect((await refusal(await secrets(body, headers as Record<string, string>))).slice(0, 2)).toEqual([status, code])
  })
})

describe('calls on Azure', () => {
  it('answer as recorded', async () => {
    const { sdp } = await offer()
    const answer = await postOffer(azure, (await mint(azure)).value, sdp)
    expect(answer.status).toBe(201)
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(answer.headers.get('location')).toMatch(/^\/v1\/realtime\/calls\/rtc_[0-9a-f]{32}$/)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.get('access-control-expose-headers')).toBe('Location,X-Request-Id')
    const lines = (await answer.text()).split('\r\n')
    expect(lines.slice(0, 3)).toEqual(['v=0', expect.stringMatching(/^o=- \d+ \d+ IN IP4 0\.0\.0\.0$/), 's=-'])
    expect(lines).toEqual(expect.arrayContaining(['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=setup:active', 'a=end-of-candidates', 'a=msid:realtimeapi audio', 'a=group:BUNDLE 0 1']))
    expect(lines).toEqual(expect.arrayContaining(['a=extmap:3 urn:ietf:params:rtp-hdrext:ssrc-audio-level', 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel']))
    expect(lines.filter((line) => line.startsWith('a=candidate'))).toEqual([expect.stringMatching(/ 1 udp 2130706431 127\.0\.0\.1 \d+ typ host ufrag /)])
    expect(lines.join()).not.toContain('ice-lite')
  })

  it('let the browser begin DTLS if its offer says so', async () => {
    const { sdp } = await offer()
    const answer = await (await postOffer(azure, (await mint(azure)).value, sdp.replaceAll('a=setup:actpass', 'a=setup:active'))).text()
    expect([answer.includes('a=setup:passive'), answer.includes('a=setup:active')]).toEqual([true, false])
  })

  it('use the UDP port that was asked for', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const webrtcPort = socket.address().port
    await new Promise<void>((resolve) => socket.close(() => resolve()))
    const fixed = await simulate({ webrtcPort })
    for (let i = 0; i < 2; i++) expect(await (await postOffer(fixed, (await mint(fixed)).value, (await offer()).sdp)).text()).toContain(` 127.0.0.1 ${webrtcPort} typ host`)
  })

  it('keep the payload type of the offer, whatever it is', async () => {
    const { sdp } = await offer({ opus: 96 })
    expect(await (await postOffer(azure, (await mint(azure)).value, sdp)).text()).toContain('a=rtpmap:96 opus/48000/2\r\n')
  })

  it('need an ephemeral token, and say so', async () => {
    const { sdp } = await offer()
    for (const headers of [KEY, { authorization: 'Bearer an-entra-token' }, {}]) {
      const answer = await fetch(`${azure.url}/openai/v1/realtime/calls`, { method: 'POST', headers: { ...headers, 'content-type': 'application/sdp' }, body: sdp })
      expect(await refusal(answer)).toEqual([401, '401', 'This operation requires ephemeral tokens'])
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    }
  })

  it('take a token again while it lives, and no unknown one', async () => {
    const { value } = await mint(azure)
    expect((await postOffer(azure, value, (await offer()).sdp)).status).toBe(201)
    expect((await postOffer(azure, value, (await offer()).sdp)).status).toBe(201)
    expect((await refusal(await postOffer(azure, 'ek_unknown', (await offer()).sdp)))[0]).toBe(401)
  })

  it('take no form', async () => {
    const form = new FormData()
    form.set('sdp', (await offer()).sdp)
    const answer = await fetch(`${azure.url}/openai/v1/realtime/calls`, { method: 'POST', headers: { authorization: `Bearer ${(await mint(azure)).value}` }, body: form })
    expect((await refusal(answer)).slice(0, 2)).toEqual([400, 'unsupported_content_type'])
  })

  it.each([
    ['nothing', ''],
    ['no SDP', 'hello'],
    ['no media', 'v=0\r\ns=-\r\n'],
    ['no audio', 'v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n'],
    ['no Opus', 'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=rtpmap:0 PCMU/8000\r\n'],
    ['no keys', 'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n'],
    [
      'a false fingerprint',
      'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 zz\r\na=setup:actpass\r\n',
    ],
    ['numbers beyond every bound', 'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=ssrc:99999999999999999999 x\r\n'],
  ])('refuse an offer with %s, and go on', async (_name, sdp) => {
    expect((await refusal(await postOffer(azure, (await mint(azure)).value, sdp))).slice(0, 2)).toEqual([400, 'invalid_offer'])
    expect(azure.calls().length).toBe(0)
  })

  it('let a page of any origin ask', async () => {
    const answer = await fetch(`${azure.url}/openai/v1/realtime/calls?webrtcfilter=on`, { method: 'OPTIONS', headers: { origin: 'http://a.test' } })
    expect([answer.status, answer.headers.get('access-control-allow-origin'), answer.headers.get('access-control-allow-methods')]).toEqual([204, '*', 'POST, OPTIONS'])
    expect((await fetch(`${azure.url}/openai/v1/realtime/calls`)).status).toBe(405)
  })

  it('refuse parts that are neither audio nor channel', async () => {
    const { sdp } = await offer()
    const video = 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\na=sendrecv\r\n'
    const answer = await postOffer(azure, (await mint(azure)).value, sdp + video)
    const text = await answer.text()
    expect([answer.status, text.split('\r\n').filter((line) => line.startsWith('m='))[2]]).toEqual([201, 'm=video 0 UDP/TLS/RTP/SAVPF 96'])
    expect(text).toContain('a=group:BUNDLE 0 1\r\n')
  })
})

describe('hanging up', () => {
  let caller: Caller
  afterEach(() => caller?.leave())

  it('ends the call at once, for the page and on each sideband, and once', async () => {
    caller = await placeCall(azure)
    const sides = await Promise.all([1, 2].map(() => connect(azure, `/openai/v1/realtime?call_id=${caller.callId}`)))
    await expect.poll(() => azure.calls()).toEqual([{ id: caller.callId, sessionId: expect.stringMatching(/^sess_/), connected: true, channel: true, sidebands: 2 }])
    expect((await hangUp(caller.callId)).status).toBe(200)
    await caller.gone()
    for (const side of sides) expect((await side.closed()).code).toBe(1000)
    expect(await refusal(await hangUp(caller.callId))).toEqual([404, 'call_id_not_found', expect.stringContaining(caller.callId)])
    expect([azure.calls().length, azure.sessions()]).toEqual([0, 0])
  })

  it('needs the key and a call', async () => {
    caller = await placeCall(azure)
    expect((await refusal(await hangUp(caller.callId, {})))[0]).toBe(401)
    expect((await refusal(await hangUp('rtc_0')))[0]).toBe(404)
    expect(azure.calls().length).toBe(1)
  })
})

describe('faults', () => {
  it('refuse one step, and show whether the credential leaks', async () => {
    const { value } = await mint(azure)
    const { sdp } = await offer()
    azure.setFaults({ refuse: { status: 503, at: 'calls', retryAfterSeconds: 7, times: 1 } })
    await mint(azure)
    const answer = await postOffer(azure, value, sdp)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '7'])
    expect(await answer.text()).toContain(value)
    expect((await postOffer(azure, value, sdp)).status).toBe(201)
  })

  it('refuse sidebands and hang-ups', async () => {
    const caller = await placeCall(azure)
    azure.setFaults({ refuse: { status: 500, at: 'hangup', times: 1 } })
    expect((await hangUp(caller.callId)).status).toBe(500)
    azure.setFaults({ refuse: { status: 503, at: 'sideband' } })
    await expect(connect(azure, `/openai/v1/realtime?call_id=${caller.callId}`)).rejects.toThrow('503')
    expect((await hangUp(caller.callId)).status).toBe(200)
    caller.leave()
  })

  it('answer nothing', async () => {
    azure.setFaults({ hang: true })
    await expect(fetch(`${azure.url}/openai/v1/realtime/client_secrets`, { method: 'POST', headers: KEY, body: '{}', signal: AbortSignal.timeout(200) })).rejects.toThrow('timeout')
  })

  it('count calls among the dials', async () => {
    const busy = await simulate({ dialsPerMinute: 1 })
    const { value } = await mint(busy)
    expect((await postOffer(busy, value, (await offer()).sdp)).status).toBe(201)
    const answer = await postOffer(busy, value, (await offer()).sdp)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^(59|60)$/)])
  })
})

describe('OpenAI', () => {
  const key = { authorization: 'Bearer sk-0123456789' }
  const form = (sdp: string, session: object = REALTIME) => {
    const parts = new FormData()
    parts.set('sdp', new Blob([sdp], { type: 'application/sdp' }))
    parts.set('session', JSON.stringify(session))
    return parts
  }
  const post = (simulator: Simulator, body: FormData | string, headers: Record<string, string> = key) =>
    fetch(`${simulator.url}/v1/realtime/calls`, { method: 'POST', headers, body })

  it('takes offer and session in one step, with the server’s key', async () => {
    const openai = await simulate({ style: 'openai', apiKey: 'sk-0123456789', speed: Number.POSITIVE_INFINITY })
    const peer = await offer()
    const answer = await post(openai, form(peer.sdp, { ...REALTIME, instructions: 'Be brief.' }))
    expect([answer.status, answer.headers.get('location')]).toEqual([201, expect.stringMatching(/^\/v1\/realtime\/calls\/rtc_/)])
    const caller = await connectCaller(peer, answer)
    const side = await connect(openai, `/v1/realtime?call_id=${caller.callId}`, key)
    side.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } })
    expect(await side.next('session.updated')).toMatchObject({ session: { instructions: 'Be brief.', output_modalities: ['text'] } })
    side.send({ type: 'response.create' })
    expect((await side.until('rate_limits.updated')).at(-2)?.type).toBe('response.done')
    expect((await fetch(`${openai.url}/v1/realtime/calls/${caller.callId}/hangup`, { method: 'POST', headers: key })).status).toBe(200)
    await side.closed()
  })

  it('takes a client secret with the raw offer', async () => {
    const openai = await simulate({ style: 'openai', apiKey: 'sk-0123456789' })
    const minted = await fetch(`${openai.url}/v1/realtime/client_secrets`, { method: 'POST', headers: { ...key, ...JSON_TYPE }, body: JSON.stringify({ session: REALTIME }) })
    const { value } = (await minted.json()) as { value: string }
    expect((await post(openai, (await offer()).sdp, { authorization: `Bearer ${value}`, 'content-type': 'application/sdp' })).status).toBe(201)
  })

  it('refuses a wrong key, what is no form, and a session without a model', async () => {
    const openai = await simulate({ style: 'openai', apiKey: 'sk-0123456789' })
    const { sdp } = await offer()
    expect((await refusal(await post(openai, form(sdp), { authorization: 'Bearer x' })))[0]).toBe(401)
    expect((await refusal(await post(openai, sdp, { ...key, 'content-type': 'application/sdp' }))).slice(0, 2)).toEqual([400, 'unsupported_content_type'])
    expect((await refusal(await post(openai, form(sdp, { type: 'realtime' }))))[1]).toBe('missing_required_parameter')
    await expect(connect(openai, '/v1/realtime?call_id=rtc_0', key)).rejects.toThrow('404')
  })
})
