// `check --telephony` against a stand-in for the relay: what is well, what each wrong setting looks like, and that no secret is printed.
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import twilio from 'twilio'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FORM, twilioSignature } from '../../src/cli/carrier-proofs.js'
import { type Finding, findings } from '../../src/cli/check-telephony.js'
import { Secret } from '../../src/config/secret.js'
import type { TelephonyConfig } from '../../src/config/telephony-config.js'

const TOKEN = '0123456789abcdef0123456789abcdef'
const SIP = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
const GRID = 'canary-of-event-grid'

interface StandIn {
  twilio?: string
  grid?: string
  sip?: string
  livez?: string
  /** What ACS says to a call that does not exist. */
  acsStatus?: number
}

let server: Server
let url: URL
let relay: StandIn

function answerTo(request: IncomingMessage, body: string): [number, string] {
  const [path] = (request.url ?? '').split('?')
  const query = new URL(request.url ?? '', url).searchParams
  if (path === '/livez') return [200, relay.livez ?? '{"status":"ok"}']
  if (path?.startsWith('/calling/')) return [relay.acsStatus ?? 404, '{}']
  if (path === '/keys') return [200, '{"keys":[{"kty":"RSA"}]}']
  if (path === '/telephony/twilio/voice' && relay.twilio) return [403, '']
  if (path === '/telephony/acs/incoming' && relay.grid)
    return query.get('secret') === relay.grid ? [200, JSON.stringify({ validationResponse: JSON.parse(body)[0].data.validationCode })] : [401, '']
  if (path === '/telephony/sip/webhook' && relay.sip) {
    const key = Buffer.from(relay.sip.slice(6), 'base64')
    const signed = createHmac('sha256', key).update(`${request.headers['webhook-id']}.${request.headers['webhook-timestamp']}.${body}`).digest('base64')
    return request.headers['webhook-signature'] === `v1,${signed}` ? [200, ''] : [401, '']
  }
  return [404, '']
}

beforeEach(async () => {
  relay = { twilio: TOKEN, grid: GRID, sip: SIP }
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part) => {
      body += part
    })
    request.on('end', () => {
      const [status, text] = answerTo(request, body)
      response.writeHead(status).end(text)
    })
  })
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => undefined)
    const path = request.url ?? ''
    const signed = relay.twilio !== undefined && request.headers['x-twilio-signature'] === twilioSignature(relay.twilio, `ws://${url.host}/telephony/twilio/media`)
    const known = path === '/telephony/twilio/media' ? relay.twilio : path.startsWith('/telephony/acs/media/') ? relay.grid : undefined
    const status =
      path === '/telephony/twilio/media' && signed
        ? '101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade'
        : known
          ? '401 Unauthorized\r\nconnection: close'
          : '404 Not Found\r\nconnection: close'
    socket.write(`HTTP/1.1 ${status}\r\n\r\n`)
    if (!signed) socket.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const secret = (text: string) => new Secret(text)
const config = (): TelephonyConfig => ({
  publicUrl: url,
  profiles: { '*': 'phone' },
  callers: { allow: undefined, deny: [] },
  withheld: 'allow',
  limits: { perCaller: 1, withheld: 5, perNumber: 10, total: 10, perCallerPerHour: 10 },
  claims: {},
  twilio: { authTokens: [secret(TOKEN)], accountSid: `AC${TOKEN}` },
  sip: { webhookSecrets: [secret(SIP)] },
  acs: {
    endpoint: url,
    accessKey: secret(Buffer.alloc(32, 1).toString('base64')),
    scope: 'https://communication.azure.com//.default',
    resourceId: 'id',
    issuer: 'issuer',
    keysUrl: new URL('/keys', url),
    eventGrid: { secrets: [secret(GRID)], token: undefined },
  },
})
const SECRETS = { twilioTokens: [TOKEN], sipSecrets: [SIP], gridSecrets: [GRID] }

async function found(settings = config(), secrets = SECRETS): Promise<readonly Finding[]> {
  const all: Finding[] = []
  for await (const one of findings(settings, secrets)) all.push(one)
  expect(JSON.stringify(all)).not.toMatch(/canary|whsec_[A-Z]|0123456789abcdef/)
  return all
}

const down = async (settings?: TelephonyConfig, secrets?: typeof SECRETS) =>
  (await found(settings, secrets)).flatMap((one) => (one.status === 'down' ? [`${one.part}: ${one.detail} → ${one.advice}`] : []))

describe('check --telephony', () => {
  it('finds all well, and that the address is private', async () => {
    expect((await found()).map(({ part, status, detail }) => `${part}: ${status} ${detail}`)).toEqual([
      `public address: degraded PUBLIC_URL: ${url.host} is the relay, without TLS; seen from here it has a private address`,
      'TWILIO_AUTH_TOKEN: ok has the right form',
      'TWILIO_ACCOUNT_SID: ok has the right form',
      'Twilio webhook: ok refuses whoever has no proof (HTTP 403)',
      'Twilio media: ok refuses whoever has no proof (HTTP 401)',
      'Twilio signature: ok a signed media socket is let in',
      `ACS credentials: ok ACS_CONNECTION_STRING: ${url.host} takes them`,
      `ACS keys: ok ACS_KEYS_URL: keys from ${url.host}`,
      'Event Grid: ok refuses whoever has no proof (HTTP 401)',
      'ACS media: ok refuses whoever has no proof (HTTP 401)',
      'Event Grid secret: ok the handshake of a subscription is answered',
      'SIP_WEBHOOK_SECRET: ok has the right form',
      'SIP webhook: ok refuses whoever has no proof (HTTP 401)',
      'SIP signature: ok a signed webhook is taken',
    ])
  })

  it('names a relay that runs without the carrier', async () => {
    relay = {}
    const problems = await down()
    expect(problems[0]).toMatch(/^Twilio webhook: answers HTTP 404 → .*runs without TWILIO_AUTH_TOKEN/)
    expect(problems.filter((one) => /without ACS_CONNECTION_STRING/.test(one))).toHaveLength(2)
    expect(problems.at(-2)).toMatch(/^SIP webhook: .*runs without SIP_WEBHOOK_SECRET/)
  })

  it('names secrets that differ from those of the relay that answers', async () => {
    relay = { twilio: 'another', grid: 'another', sip: `whsec_${Buffer.alloc(24, 8).toString('base64')}` }
    expect(await down()).toEqual([
      expect.stringMatching(/^Twilio signature: a signed media socket is refused \(HTTP 401\) → .*another TWILIO_AUTH_TOKEN or another PUBLIC_URL/),
      expect.stringMatching(/^Event Grid secret: .*HTTP 401 → .*another ACS_EVENT_GRID_SECRET/),
      expect.stringMatching(/^SIP signature: a signed webhook is refused \(HTTP 401\) → .*another SIP_WEBHOOK_SECRET/),
    ])
  })

  it('goes no further than an address that is not the relay', async () => {
    relay.livez = '<html>Welcome</html>'
    expect(await down()).toEqual([expect.stringMatching(/^public address: .*answers HTTP 200 to \/livez, and not as the relay does/)])
    expect(await down({ ...config(), publicUrl: new URL('http://127.0.0.1:1') })).toEqual([
      expect.stringMatching(/^public address: PUBLIC_URL: 127\.0\.0\.1:1 refuses the connection → Start the relay first/),
    ])
  })

  it.each([
    [401, /^ACS credentials: ACS_CONNECTION_STRING: .* refuses them \(HTTP 401\) → Copy the connection string again/],
    [403, /refuses them \(HTTP 403\)/],
  ])('names credentials that ACS refuses with %i', async (status, words) => {
    relay.acsStatus = status
    expect(await down()).toEqual([expect.stringMatching(words)])
  })

  it('names an ACS that gives no answer', { timeout: 30_000 }, async () => {
    const settings = config()
    const acs = settings.acs as NonNullable<TelephonyConfig['acs']>
    expect(await down({ ...settings, acs: { ...acs, endpoint: new URL('http://127.0.0.1:1') } })).toEqual([
      expect.stringMatching(/^ACS credentials: .*127\.0\.0\.1:1 gives no answer/),
    ])
  })

  it('names keys that are none', async () => {
    const settings = config()
    const acs = settings.acs as NonNullable<TelephonyConfig['acs']>
    expect(await down({ ...settings, acs: { ...acs, keysUrl: new URL('/nowhere', url) } })).toEqual([
      expect.stringMatching(/^ACS keys: ACS_KEYS_URL: .* answers HTTP 404, but not with a key set/),
    ])
  })

  it('judges the form of secrets, each of two', async () => {
    const problems = await down({ ...config(), acs: undefined, sip: undefined }, { ...SECRETS, twilioTokens: [TOKEN, 'SK0123'] })
    expect(problems[0]).toMatch(/^TWILIO_AUTH_TOKEN \(2\): is no Twilio auth token/)
    expect(FORM.twilioAccount('AC12')).toMatch(/no account SID/)
    expect(FORM.webhookSecret('whsec_')).toMatch(/no webhook secret/)
    expect(FORM.webhookSecret('sk-abc')).toMatch(/no webhook secret/)
  })
})

describe('proofs', () => {
  it('are those of Twilio’s own library', () => {
    const at = 'wss://relay.example/telephony/twilio/media'
    expect(twilio.validateRequest(TOKEN, twilioSignature(TOKEN, at), at, {})).toBe(true)
  })
})
