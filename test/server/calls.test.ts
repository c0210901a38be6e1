// WebRTC calls from the outside: tickets, offers, answers, hang-ups and followers over real HTTP, with a service on loopback.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { rewriteOffer } from '../../src/core/sdp/offer.js'
import { AZURE_MEDIA_ONLY, AZURE_SHARED, CHROMIUM, text } from '../core/sdp/samples.js'
import { type CallLab, PERSONA, startCallLab } from '../support/call-lab.js'
import { type CallUpstream, startCallUpstream } from '../support/call-upstream.js'

let service: CallUpstream
let lab: CallLab
beforeEach(async () => {
  service = await startCallUpstream()
})
afterEach(async () => {
  await lab.close()
  await service.close()
})

const start = async (options: Partial<Parameters<typeof startCallLab>[0]> = {}) => {
  lab = await startCallLab({ service, ...options })
  return lab
}
type Headers = Record<string, string>
const bearer = async (subject = 'alice', claims = {}): Promise<Headers> => ({ authorization: `Bearer ${await lab.token(subject, claims)}` })
const send = (path: string, headers: Headers, body: string | FormData = '') => fetch(`${lab.url}${path}`, { method: 'POST', headers, body })
const offer = async (headers?: Headers, body: string = CHROMIUM, path = '/openai/v1/realtime/calls') =>
  send(path, { ...(headers ?? (await bearer())), 'content-type': 'application/sdp' }, body)
const errorOf = async (response: Response) => ((await response.json()) as { error: { code: string; message: string } }).error
const idOf = (response: Response) => response.headers.get('location')?.split('/').at(-1) ?? ''
const mintedSession = () => JSON.parse(service.asked.find(({ path }) => path.includes('client_secrets'))?.body ?? '{}').session
const sentOffer = () => service.asked.find(({ path }) => path.includes('/calls?'))?.body ?? ''

describe('POST calls', () => {
  it('answers with the service’s answer, whose channel is rejected, and says where the call is', async () => {
    await start()
    const response = await offer(undefined, CHROMIUM, '/v1/realtime/calls?model=gpt-realtime&webrtcfilter=off')
    expect(response.status).toBe(201)
    expect(response.headers.get('content-type')).toBe('application/sdp')
    expect(response.headers.get('location')).toMatch(/^\/v1\/realtime\/calls\/rtc_[0-9a-f]{32}$/)
    expect(await response.text()).toBe(AZURE_MEDIA_ONLY + text('m=application 0 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', 'a=mid:1', 'a=inactive'))
    const rewritten = rewriteOffer(CHROMIUM, false)
    expect(sentOffer()).toBe(rewritten.ok && rewritten.value.sdp)
    expect(service.asked.map(({ path }) => path)).toEqual([
      '/openai/v1/realtime/client_secrets',
      '/openai/v1/realtime/calls?webrtcfilter=on',
      expect.stringContaining('/openai/v1/realtime?call_id=rtc_'),
    ])
    expect([...lab.sessions.values()]).toMatchObject([{ requestedModel: 'gpt-realtime', identity: { subject: 'alice' }, call: { mode: 'media-only' } }])
    expect(await lab.metrics()).toMatch(/relay_calls_total\{mode="media-only"\} 1\n/)
  })

  it('locks the server’s session from the first packet on: its answers are the relay’s to ask for, and its audio is WebRTC’s', async () => {
    await start({
      env: { SESSION: JSON.stringify({ audio: { input: { format: { type: 'audio/pcmu' }, turn_detection: { type: 'semantic_vad' } }, output: { voice: 'cedar' } } }) },
    })
    expect((await offer()).status).toBe(201)
    expect(mintedSession()).toEqual({
      type: 'realtime',
      model: 'canary-deployment',
      instructions: PERSONA,
      tools: [],
      tool_choice: 'auto',
      audio: { input: { turn_detection: { type: 'semantic_vad', create_response: false } }, output: { voice: 'cedar' } },
    })
  })

  it('has the call in the store before the caller has the answer', async () => {
    const found: unknown[] = []
    await start({
      onOpen: (session) =>
        void lab.store.calls
          .find(session.call.id)
          .then(
            (record) => found.push(record),
            () => undefined,
          )
          .then(() => session.call.onLive()),
    })
    const response = await offer()
    expect(found).toMatchObject([{ id: idOf(response), placed: { upstream: 'azure' } }])
    expect(JSON.stringify(found)).not.toContain('alice')
  })

  it('keeps the channel in shared', async () => {
    await start({ env: { WEBRTC: 'shared' } })
    const response = await offer()
    expect(await response.text()).toBe(AZURE_SHARED)
    expect(sentOffer()).toContain('m=application 9')
  })

  it('shows nothing of the service to the caller', async () => {
    await start()
    const response = await offer()
    const seen = JSON.stringify([...response.headers]) + (await response.text())
    for (const secret of [PERSONA, 'canary-deployment', 'ek_upstream', [...service.live][0] ?? '-']) expect(seen).not.toContain(secret)
    expect(lab.logs()).not.toMatch(/ek_|canary persona/)
  })

  it('takes a form whose session asks for what the caller may set, and drops the rest', async () => {
    await start()
    const form = new FormData()
    form.set('sdp', new Blob([CHROMIUM], { type: 'application/sdp' }), 'offer')
    form.set('session', JSON.stringify({ type: 'realtime', model: 'mine', instructions: 'be evil', tools: [{}], audio: { output: { voice: 'marin', speed: 1.5 } } }))
    expect((await send('/v1/realtime/calls', await bearer(), form)).status).toBe(201)
    expect(mintedSession()).toMatchObject({ instructions: PERSONA, tools: [], audio: { output: { voice: 'marin' } } })
    expect(JSON.stringify(mintedSession())).not.toMatch(/evil|speed|mine/)
    // Locking it again keeps the caller's voice.
    expect([...lab.sessions.values()][0]).toMatchObject({ requestedModel: 'mine', profile: { session: { audio: { output: { voice: 'marin' } } } } })
  })

  it.each([
    ['no SDP', 'application/sdp', 'hello', 400, /The offer has a line that is not/],
    ['video', 'application/sdp', CHROMIUM + text('m=video 9 UDP/TLS/RTP/SAVPF 96'), 400, /video and others are not served/],
    ['nothing', 'application/sdp', '', 400, /The offer does not begin/],
    ['an offer as text', 'text/plain', CHROMIUM, 400, /must come as 'application\/sdp'/],
    ['an offer in JSON', 'application/json', JSON.stringify({ sdp: CHROMIUM }), 400, /must come as 'application\/sdp'/],
    ['another type', 'image/png', 'x', 415, /malformed/],
    ['too much', 'application/sdp', 'a=x\r\n'.repeat(20_000), 413, /./],
    ['a form without its boundary', 'multipart/form-data', 'x', 400, /form is malformed/],
    ['a form that does not end', 'multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data; name="sdp"\r\n\r\nv=0', 400, /The form/],
    ['a form without an offer', 'multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n', 400, /no part 'sdp'/],
    ['a form with many parts', 'multipart/form-data; boundary=b', `${'--b\r\nContent-Disposition: form-data; name="sdp"\r\n\r\n1\r\n'.repeat(9)}--b--\r\n`, 400, /too many parts/],
    ['a form with two offers', 'multipart/form-data; boundary=b', `${'--b\r\nContent-Disposition: form-data; name="sdp"\r\n\r\n1\r\n'.repeat(2)}--b--\r\n`, 400, /'sdp' twice/],
  ])('refuses %s and asks nobody', async (_name, type, body, status, message) => {
    await start()
    const response = await send('/v1/realtime/calls', { ...(await bearer()), 'content-type': type }, body)
    expect(response.status).toBe(status)
    expect((await errorOf(response)).message).toMatch(message)
    expect(service.asked).toEqual([])
    expect(lab.places()).toBe(0)
  })

  it.each([
    ['another kind of session', { type: 'transcription' }, /Only realtime sessions/],
    ['a setting out of range', { audio: { output: { voice: 7 } } }, /'session.audio.output.voice' is not valid/],
    ['a model that is none', { model: 'a b' }, /malformed/],
  ])('refuses %s', async (_name, session, message) => {
    await start()
    const form = new FormData()
    form.set('sdp', CHROMIUM)
    form.set('session', JSON.stringify(session))
    const response = await send('/v1/realtime/calls', await bearer(), form)
    expect([response.status, (await errorOf(response)).message]).toEqual([400, expect.stringMatching(message)])
    expect(lab.places()).toBe(0)
  })

  it('refuses whoever does not show who it is', async () => {
    await start()
    for (const headers of [{}, { authorization: 'Bearer nonsense' }, { authorization: `Bearer ek_${'a'.repeat(43)}` }]) {
      const response = await offer(headers as Headers)
      expect([response.status, (await errorOf(response)).code]).toEqual([401, 'unauthenticated'])
    }
    expect(await lab.metrics()).toMatch(/relay_refusals_total\{code="unauthenticated"\} 3\n/)
  })

  it('refuses a subject whose places are taken, and gives the place back at the end of the call', async () => {
    await start({ env: { MAX_SESSIONS_PER_USER: '1' } })
    const first = await offer()
    expect((await offer()).status).toBe(429)
    await send(`/v1/realtime/calls/${idOf(first)}/hangup`, await bearer())
    expect((await offer()).status).toBe(201)
  })

  it('passes on what the service says', async () => {
    await start()
    service.answer = ({ path }) => (path.includes('client_secrets') ? { status: 429, headers: { 'retry-after': '9' } } : undefined)
    const limited = await offer()
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '9'])
    service.answer = ({ path }) => (path.includes('/calls?') ? { status: 400, body: 'secret words' } : undefined)
    // The first answer closed this upstream for its time.
    await lab.close()
    await start()
    const refused = await offer()
    expect([refused.status, (await errorOf(refused)).message]).toEqual([400, 'The model service does not accept the offer.'])
    expect(lab.places()).toBe(0)
  })
})

describe('a call that cannot be held', () => {
  it('is hung up if its sideband does not come up in time', async () => {
    await start({ liveMs: 100, onOpen: () => undefined })
    const response = await offer()
    expect([response.status, response.headers.get('retry-after')]).toEqual([502, '1'])
    await expect.poll(() => service.live.size).toBe(0)
    expect(lab.places()).toBe(0)
    expect(await lab.metrics()).toMatch(/relay_call_hangups_total\{outcome="done"\} 1\n/)
  })

  it('is hung up if the relay does not let its caller in any more', async () => {
    await start({
      onOpen: () => {
        throw new Error('no')
      },
    })
    expect((await offer()).status).toBe(500)
    await expect.poll(() => service.live.size).toBe(0)
    expect(lab.places()).toBe(0)
  })

  it('is hung up if it could not be recorded', async () => {
    await start({ changeStore: (store) => ({ ...store, calls: { ...store.calls, add: () => Promise.reject(new Error('away')) } }) })
    const response = await offer()
    expect([response.status, response.headers.get('retry-after')]).toEqual([500, '5'])
    await expect.poll(() => service.live.size).toBe(0)
    expect(lab.sessions.size).toBe(0)
  })

  it('is hung up if the answer is of no use', async () => {
    await start()
    service.answer = ({ path }) => {
      if (!path.includes('/calls?')) return undefined
      service.live.add('rtc_odd')
      return { status: 201, headers: { location: '/v1/realtime/calls/rtc_odd' }, body: AZURE_SHARED }
    }
    expect((await offer()).status).toBe(502)
    await expect.poll(() => service.live.size).toBe(0)
  })

  it('is hung up if the caller leaves before the answer', async () => {
    let opened = () => {}
    const isOpen = new Promise<void>((resolve) => {
      opened = resolve
    })
    await start({ onOpen: () => opened() })
    const headers = { ...(await bearer()), 'content-type': 'application/sdp' }
    const leaving = httpRequest(`${lab.url}/v1/realtime/calls`, { method: 'POST', headers })
    leaving.on('error', () => undefined)
    leaving.end(CHROMIUM)
    await isOpen
    leaving.destroy()
    await expect.poll(() => service.live.size).toBe(0)
    await expect.poll(() => lab.places()).toBe(0)
  })
})

describe('a ticket', () => {
  const mint = async (body: object = {}, path = '/openai/v1/realtime/client_secrets') =>
    send(path, { ...(await bearer()), 'content-type': 'application/json' }, JSON.stringify(body))
  const using = async (response: Response) => ({ authorization: `Bearer ${((await response.json()) as { value: string }).value}` })

  it('is the relay’s own, and its session shows nothing of the server’s', async () => {
    await start()
    const response = await mint({ session: { type: 'realtime', model: 'gpt-realtime', instructions: 'mine' } })
    const { value, expires_at: expiresAt, session } = (await response.json()) as { value: string; expires_at: number; session: object }
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(value).toMatch(/^ek_[\w-]{43}$/)
    expect(expiresAt - Date.now() / 1000).toBeGreaterThan(57)
    expect(expiresAt - Date.now() / 1000).toBeLessThan(61)
    expect(session).toEqual({ type: 'realtime', object: 'realtime.session', id: expect.stringMatching(/^sess_[0-9a-f]{32}$/), model: 'gpt-realtime' })
    expect(service.asked).toEqual([])
  })

  it('opens one call of the caller whom it was given to, with what was asked for with it', async () => {
    await start()
    const headers = await using(await mint({ session: { model: 'mine', audio: { output: { voice: 'marin' } } } }))
    expect((await offer(headers)).status).toBe(201)
    expect([...lab.sessions.values()]).toMatchObject([{ identity: { subject: 'alice' }, requestedModel: 'mine' }])
    expect(mintedSession()).toMatchObject({ audio: { output: { voice: 'marin' } } })
    expect((await offer(headers)).status).toBe(401)
  })

  it('comes by the doubled slash, by an API key, and in the older form', async () => {
    await start()
    const key = { 'api-key': await lab.token() }
    const doubled = await send('/openai/v1//realtime/client_secrets', key)
    expect((await offer(await using(doubled), CHROMIUM, '/openai/v1//realtime/calls?model=x')).status).toBe(201)
    const older = (await (await send('/v1/realtime/sessions', { ...key, 'content-type': 'application/json' }, '{"model":"old","voice":"alloy"}')).json()) as {
      client_secret: { value: string }
    }
    expect(older).toMatchObject({ object: 'realtime.session', model: 'old', client_secret: { expires_at: expect.any(Number) } })
    expect((await offer({ authorization: `Bearer ${older.client_secret.value}` })).status).toBe(201)
  })

  it('lives as short as the client wants, and no longer than a minute', async () => {
    await start()
    const lifeOf = async (seconds: unknown) => {
      const response = await mint({ expires_after: { anchor: 'created_at', seconds } })
      return response.ok ? Math.round(((await response.json()) as { expires_at: number }).expires_at - Date.now() / 1000) : response.status
    }
    expect(await lifeOf(7200)).toBeGreaterThan(57)
    expect(await lifeOf(7200)).toBeLessThan(61)
    expect(await lifeOf(10)).toBeLessThanOrEqual(10)
    for (const wrong of [0, -1, '10']) expect(await lifeOf(wrong)).toBe(400)
  })

  it('is of no use to attach, to hang up or to get another one', async () => {
    await start()
    for (const path of ['client_secrets', 'sessions', 'calls/rtc_1/hangup']) expect((await send(`/v1/realtime/${path}`, await using(await mint()))).status).toBe(401)
  })

  it('ends with the revocation of its caller', async () => {
    await start()
    const headers = await using(await mint())
    await lab.store.revocations.revoke({ subject: 'alice' }, Date.now() + 60_000)
    expect((await offer(headers)).status).toBe(401)
    expect(service.asked).toEqual([])
  })

  it.each(['[]', '{"a":', '{"session":{"a":1,"a":2}}', 'x'])('is not given for the body %s', async (body) => {
    await start()
    const response = await send('/v1/realtime/client_secrets', { ...(await bearer()), 'content-type': 'application/json' }, body)
    expect([response.status, (await errorOf(response)).message]).toEqual([400, 'The body must be a JSON object.'])
  })
})

describe('pages', () => {
  const page = { origin: 'https://app.example.com' }

  it('of a listed origin may call, and read where the call is', async () => {
    await start({ env: { ALLOWED_ORIGINS: page.origin } })
    const preflight = await fetch(`${lab.url}/openai/v1/realtime/calls`, {
      method: 'OPTIONS',
      headers: { ...page, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, page.origin])
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST')
    const response = await offer({ ...(await bearer()), ...page })
    expect([response.status, response.headers.get('access-control-allow-origin'), response.headers.get('access-control-expose-headers')]).toEqual([201, page.origin, 'Location'])
  })

  it('of another origin may not', async () => {
    await start({ env: { ALLOWED_ORIGINS: 'https://other.example.com' } })
    const response = await offer({ ...(await bearer()), ...page })
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([403, null])
  })
})

describe('hanging up', () => {
  it('ends the caller’s own call, and nobody else’s', async () => {
    await start()
    const id = idOf(await offer())
    const hangUp = async (which: string, subject: string) => (await send(`/openai/v1/realtime/calls/${which}/hangup`, await bearer(subject))).status
    expect(await hangUp(id, 'bob')).toBe(404)
    expect(await hangUp('rtc_unknown', 'alice')).toBe(404)
    expect(service.live.size).toBe(1)
    expect(await hangUp(id, 'alice')).toBe(200)
    expect(service.live.size).toBe(0)
    expect(await hangUp(id, 'alice')).toBe(404)
    expect(lab.places()).toBe(0)
    expect(await lab.store.calls.find(id)).toBeUndefined()
  })

  it('is tried again later if the service fails', async () => {
    await start({ everyMs: 50 })
    const id = idOf(await offer())
    let hangUps = 0
    service.answer = ({ path }) => (path.endsWith('/hangup') && ++hangUps === 1 ? { status: 500 } : undefined)
    expect((await send(`/v1/realtime/calls/${id}/hangup`, await bearer())).status).toBe(200)
    expect([hangUps, service.live.size]).toEqual([2, 0])
  })

  it('by the other side ends the session', async () => {
    await start()
    const id = idOf(await offer())
    service.end([...service.live][0] ?? '')
    await expect.poll(() => lab.ended).toEqual([{ id, code: 'upstream_lost' }])
    await expect.poll(() => lab.store.calls.find(id)).toBeUndefined()
    expect(lab.places()).toBe(0)
  })
})

describe('GET realtime?call_id', () => {
  const follow = async (id: string, subject = 'alice', path = '/openai/v1/realtime') =>
    new WebSocket(`${lab.url.replace('http', 'ws')}${path}?call_id=${id}`, { headers: await bearer(subject) })
  const refusal = async (socket: WebSocket) => {
    socket.on('error', () => undefined)
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number; resume(): void }]
    response.resume()
    return response.statusCode
  }

  it('lets the caller follow its own call', async () => {
    await start()
    const id = idOf(await offer())
    const socket = await follow(id)
    const [data] = (await once(socket, 'message')) as [Buffer]
    expect(JSON.parse(data.toString())).toEqual({ type: 'session.created', call: id })
    socket.close()
    await once(socket, 'close')
    expect(lab.sessions.size).toBe(1)
  })

  it('is 404 for somebody else, for a call that is over, and for none', async () => {
    await start()
    const id = idOf(await offer())
    expect(await refusal(await follow(id, 'bob'))).toBe(404)
    expect(await refusal(await follow('rtc_1'))).toBe(404)
    expect(await refusal(await follow(id, 'alice', '/openai/realtime'))).toBe(400)
    await send(`/v1/realtime/calls/${id}/hangup`, await bearer())
    expect(await refusal(await follow(id))).toBe(404)
  })

  it('is told over the socket, so that a page can read it, if refusals come after the upgrade', async () => {
    await start({ env: { REFUSE_AFTER_UPGRADE: 'true' } })
    const id = idOf(await offer())
    for (const [asked, subject] of [
      [id, 'bob'],
      ['rtc_1', 'alice'],
    ] as const) {
      const socket = await follow(asked, subject)
      const closed = once(socket, 'close')
      const [data] = (await once(socket, 'message')) as [Buffer]
      expect(JSON.parse(data.toString())).toMatchObject({ type: 'error', error: { code: 'not_found' } })
      expect((await closed)[0]).toBe(4404)
    }
    expect(lab.sessions.size).toBe(1)
  })
})

describe('quotas and profiles', () => {
  it('a spent quota refuses the call, and says until when', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'call-profiles-'))
    const file = join(folder, 'profiles.json')
    writeFileSync(file, JSON.stringify({ default: { limits: { quota: { perDay: { responses: 1 } } } }, kiosk: { webrtc: 'off' } }))
    try {
      await start({ env: { PROFILES_FILE: file } })
      expect((await offer()).status).toBe(201)
      lab.store.usage.recordUsage({ subject: 'alice', deployment: 'd', at: Date.now(), counters: { responses: 1 } })
      const refused = await offer()
      expect([refused.status, (await errorOf(refused)).code]).toEqual([402, 'budget_spent'])
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      const off = await offer(await bearer('carol', { profile: 'kiosk' }))
      expect([off.status, (await errorOf(off)).message]).toEqual([403, 'WebRTC calls are not available to this caller.'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
