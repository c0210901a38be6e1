// How telephone calls are configured: on with the first carrier, every mistake at once and by name, and no number repeated.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { configWarnings, describeConfig } from '../../src/config/describe.js'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'

const folder = mkdtempSync(join(tmpdir(), 'relay-telephony-'))
afterAll(() => rmSync(folder, { recursive: true }))
const upstream = { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice' }
const least = { ...upstream, JWT_SECRET: 'a-shared-secret-of-more-than-32-bytes' }
const on = { PUBLIC_URL: 'https://relay.example.com', TELEPHONY_PROFILE: '{"*":"default"}' }
const twilio = { ...on, TWILIO_AUTH_TOKEN: '0123456789abcdef0123456789abcdef' }
const acs = {
  ...on,
  ACS_CONNECTION_STRING: 'endpoint=https://calls.communication.azure.com/;accesskey=c2VjcmV0LWtleS1vZi1hY3M=',
  ACS_RESOURCE_ID: '7e6d0dcd-0000-4000-8000-000000000000',
  ACS_EVENT_GRID_SECRET: 'a-secret-in-the-query',
}
const load = (env: Record<string, string> = {}) => loadConfig(checkTools, { ...least, ...env }, { mode: 'serve', cwd: folder })
const telephony = (env: Record<string, string>) => load(env).telephony
const profiles = (text: object) => {
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify(text))
  return { PROFILES_FILE: 'profiles.json' }
}

function mistakes(env: Record<string, string>, base: Record<string, string> = least): readonly string[] {
  try {
    loadConfig(checkTools, { ...base, ...env }, { mode: 'serve', cwd: folder })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

describe('telephony', () => {
  it('is off without a carrier, whatever address the relay has', () => {
    expect(telephony({})).toBeUndefined()
    expect(telephony({ PUBLIC_URL: 'https://relay.example.com' })).toBeUndefined()
    expect(Object.fromEntries(describeConfig(load())).telephone).toBe('none')
  })

  it('is on with Twilio, and has defaults for the rest', () => {
    const config = telephony(twilio)
    expect(config).toMatchObject({
      profiles: { '*': 'default' },
      callers: { allow: undefined, deny: [] },
      withheld: 'allow',
      limits: { perCaller: 2, withheld: 10, perNumber: 100, total: 100, perCallerPerHour: 30 },
      claims: {},
      acs: undefined,
      sip: undefined,
    })
    expect(config?.publicUrl.href).toBe('https://relay.example.com/')
    expect(config?.twilio?.authTokens.map((token) => token.reveal())).toEqual(['0123456789abcdef0123456789abcdef'])
    expect(Object.isFrozen(config?.limits)).toBe(true)
  })

  it('is on with ACS by a connection string or by Entra, and with SIP', () => {
    const byKey = telephony(acs)?.acs
    expect(byKey?.endpoint.href).toBe('https://calls.communication.azure.com/')
    expect(byKey?.accessKey?.reveal()).toBe('c2VjcmV0LWtleS1vZi1hY3M=')
    expect(byKey).toMatchObject({ issuer: 'https://acscallautomation.communication.azure.com', resourceId: acs.ACS_RESOURCE_ID })
    expect(byKey?.keysUrl.href).toBe('https://acscallautomation.communication.azure.com/calling/keys')
    const token = { issuer: 'https://sts.example.com', audience: 'relay', appId: 'grid', keysUrl: 'https://keys.example.com/v2' }
    const byEntra = telephony({ ...on, ACS_ENDPOINT: 'https://calls.communication.azure.com', ACS_RESOURCE_ID: 'id', ACS_EVENT_GRID_TOKEN: JSON.stringify(token) })?.acs
    expect(byEntra).toMatchObject({ accessKey: undefined, scope: 'https://communication.azure.com//.default' })
    expect(byEntra?.eventGrid).toMatchObject({ secrets: [], token: { issuer: token.issuer, audience: 'relay', appId: 'grid' } })
    expect(telephony({ ...on, SIP_WEBHOOK_SECRET: 'whsec_b2xkLXNlY3JldA==,whsec_bmV3LXNlY3JldA==' })?.sip?.webhookSecrets).toHaveLength(2)
  })

  it('reads numbers in any spelling, and keeps one', () => {
    const config = telephony({
      ...twilio,
      TELEPHONY_PROFILE: '{"+49 (30) 123-456":"default","Sales":"default","*":"default"}',
      TELEPHONY_CALLERS: '{"allow":["+49*","+1 (425) 555-0100"],"deny":["+49 900*"]}',
      TELEPHONY_LIMITS: '{"perCaller":1,"total":7}',
      TELEPHONY_CLAIMS: '{"tel":"from","line":"to","via":"carrier","ref":"header:X-Ref","kind":"text:a caller"}',
      TELEPHONY_WITHHELD: 'refuse',
    })
    expect(config).toMatchObject({
      profiles: { '+4930123456': 'default', sales: 'default', '*': 'default' },
      callers: { allow: ['+49*', '+14255550100'], deny: ['+49900*'] },
      limits: { perCaller: 1, withheld: 10, perNumber: 100, total: 7, perCallerPerHour: 30 },
      claims: { tel: 'from', line: 'to', via: 'carrier', ref: 'header:X-Ref', kind: 'text:a caller' },
      withheld: 'refuse',
    })
  })

  it('is described without a secret or a number, and warns if relays share nothing', () => {
    const config = load({ ...acs, ...twilio, TELEPHONY_PROFILE: '{"+4930123456":"default"}' })
    expect(Object.fromEntries(describeConfig(config)).telephone).toBe('Azure Communication Services, Twilio at https://relay.example.com, 1 numbers, 100 calls at once, 2 a caller')
    expect(JSON.stringify(config.telephony)).not.toContain('c2VjcmV0')
    expect(configWarnings(config).filter((text) => text.startsWith('Telephone calls'))).toHaveLength(1)
    expect(configWarnings(load({ ...twilio, REDIS_URL: 'redis://127.0.0.1' })).filter((text) => text.startsWith('Telephone calls'))).toEqual([])
  })
})

it('warns of what a profile sets and calls past the relay ignore, by its name', () => {
  const sip = { SIP_WEBHOOK_SECRET: 'whsec_b2xkLXNlY3JldA==' }
  const session = { audio: { input: { turn_detection: { type: 'server_vad', threshold: 0.7 } } } }
  const three = profiles({ phone: { protectMs: 800, minSpeechMs: 200, session }, web: { webrtc: 'media-only', minSpeechMs: 200 }, plain: { protectMs: 800 } })
  const warned = (env: Record<string, string>) => configWarnings(load({ ...on, ...three, TELEPHONY_PROFILE: '{"*":"phone"}', ...env })).filter((text) => text.startsWith('Profile'))
  const end = ', which the service hears and plays without the relay'
  const web = `Profile "web" sets minSpeechMs: ignored in calls by WebRTC${end}`
  expect(warned({ ...sip })).toEqual([`Profile "phone" sets protectMs, minSpeechMs, audio.input.turn_detection.threshold: ignored in calls by SIP${end}`, web])
  // By these two the relay has the sound.
  expect(warned({ ...twilio, TELEPHONY_PROFILE: '{"*":"phone"}' })).toEqual([web])
})

const rows: readonly (readonly [why: string, env: Record<string, string>, ...says: RegExp[]])[] = [
  ['no address and no profiles', { TWILIO_AUTH_TOKEN: twilio.TWILIO_AUTH_TOKEN }, /^TELEPHONY_PROFILE is missing/, /^PUBLIC_URL is missing/],
  ['an address over plain http', { ...twilio, PUBLIC_URL: 'http://relay.example.com' }, /^PUBLIC_URL must be https/],
  ['an address with a path', { ...twilio, PUBLIC_URL: 'https://relay.example.com/relay' }, /^PUBLIC_URL must be scheme, host and port alone/],
  [
    'rules without a carrier',
    { TELEPHONY_PROFILE: '{"*":"default"}', TELEPHONY_CALLERS: '{}', TELEPHONY_LIMITS: '{}', TELEPHONY_CLAIMS: '{}', TELEPHONY_LOST_LINE: 'Sorry.' },
    /^TELEPHONY_PROFILE is set and no carrier is/,
    /^TELEPHONY_CALLERS is set and no carrier/,
    /^TELEPHONY_LIMITS is set and no carrier/,
    /^TELEPHONY_CLAIMS is set and no carrier/,
    /^TELEPHONY_LOST_LINE is set and no carrier/,
  ],
  [
    'ACS alone by its id',
    { ACS_RESOURCE_ID: 'id', ACS_EVENT_GRID_SECRET: 'a-secret-in-the-query' },
    /^ACS_RESOURCE_ID is set, and neither/,
    /^ACS_EVENT_GRID_SECRET is set, and neither/,
  ],
  ['an account without a token', { ...acs, TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}` }, /^TWILIO_AUTH_TOKEN is missing/],
  ['a scope beside a key', { ...acs, ACS_SCOPE: 'https://communication.azure.us//.default' }, /^ACS_SCOPE says nothing beside ACS_CONNECTION_STRING/],
  ['ACS twice', { ...acs, ACS_ENDPOINT: 'https://calls.communication.azure.com' }, /^ACS_ENDPOINT and ACS_CONNECTION_STRING are both set/],
  [
    'ACS without id and proof',
    { ...on, ACS_ENDPOINT: 'https://calls.communication.azure.com' },
    /^ACS_RESOURCE_ID is missing/,
    /^ACS_EVENT_GRID_SECRET is missing, and ACS_EVENT_GRID_TOKEN/,
  ],
  ['no connection string', { ...acs, ACS_CONNECTION_STRING: 'https://calls.communication.azure.com' }, /^ACS_CONNECTION_STRING must be endpoint=/],
  ['a connection string over plain http', { ...acs, ACS_CONNECTION_STRING: 'endpoint=http://c.example.com;accesskey=c2VjcmV0LWtleS1vZi1hY3M=' }, /^ACS_CONNECTION_STRING must be/],
  ['half a token of Event Grid', { ...acs, ACS_EVENT_GRID_TOKEN: '{"issuer":"i","more":1}' }, /audience is missing/, /keysUrl is missing/, /unknown fields: "more"/],
  [
    'short secrets',
    { ...acs, ACS_EVENT_GRID_SECRET: 'short', TWILIO_AUTH_TOKEN: 'short' },
    /^ACS_EVENT_GRID_SECRET entry 1 is too short/,
    /^TWILIO_AUTH_TOKEN entry 1 is too short/,
  ],
  ['three secrets', { ...twilio, TWILIO_AUTH_TOKEN: Array(3).fill('0123456789abcdef').join() }, /^TWILIO_AUTH_TOKEN must be one secret, or two/],
  [
    'profiles that do not exist, numbers twice, no number',
    { ...twilio, TELEPHONY_PROFILE: '{"*":"nobody","+4930123456":"default","+49 30 123456":"default"," ":"default","x":7}' },
    /^TELEPHONY_PROFILE entry 1 names no profile/,
    /^TELEPHONY_PROFILE entry 3 is a number that stands there twice/,
    /^TELEPHONY_PROFILE entry 4 is no number/,
    /^TELEPHONY_PROFILE entry 5 names no profile/,
  ],
  ['no map', { ...twilio, TELEPHONY_PROFILE: '["default"]' }, /^TELEPHONY_PROFILE must be a JSON object/],
  ['an empty map', { ...twilio, TELEPHONY_PROFILE: '{}' }, /^TELEPHONY_PROFILE names no number/],
  [
    'lists of what is no number',
    { ...twilio, TELEPHONY_CALLERS: '{"allow":["030 123","49*","+49*"],"deny":["+4*9","++*"],"block":[]}' },
    /allow entry 1 must be a number/,
    /allow entry 2 must be/,
    /deny entry 1 must be/,
    /deny entry 2 must be/,
    /unknown fields: "block"/,
  ],
  [
    'limits out of bounds',
    { ...twilio, TELEPHONY_LIMITS: '{"perCaller":0,"total":1.5,"calls":1}' },
    /perCaller must be a whole number/,
    /total must be a whole number/,
    /unknown fields: "calls"/,
  ],
  [
    'claims from nowhere, and the claim that chooses the profile',
    { ...twilio, TELEPHONY_CLAIMS: '{"a":"number","b":"header:","c":"text:","d":7,"profile":"text:vip","tenant":"header:x-tenant"}' },
    /"a" must come from/,
    /"b" must come from/,
    /"c" must come from/,
    /"d" must come from/,
    /"profile" is the claim that chooses the profile/,
    /"tenant" decides what is counted/,
  ],
  ['withheld as it is not', { ...twilio, TELEPHONY_WITHHELD: 'maybe' }, /^TELEPHONY_WITHHELD must be one of allow, refuse/],
]

describe('mistakes', () => {
  it.each(rows.map(([why, env, ...says]) => ({ why, env, says })))('$why', ({ env, says }) => {
    const found = mistakes(env)
    expect(found).toHaveLength(says.length)
    for (const [index, pattern] of says.entries())
      expect(
        found.some((line) => pattern.test(line)),
        `${index}: ${found.join('\n')}`,
      ).toBe(true)
    expect(found.join()).not.toMatch(/4930123456(?!78)|0123456789abcdef|a-secret-in|c2VjcmV0/)
  })

  it('a profile that does not speak or does not hear the end of a turn takes no calls', () => {
    const silent = { ...profiles({ a: { session: { output_modalities: ['text'] } }, b: { session: { audio: { input: { turn_detection: null } } } } }) }
    expect(mistakes({ ...silent, ...twilio })).toEqual([])
    const found = mistakes({ ...silent, ...twilio, TELEPHONY_PROFILE: '{"*":"a","+4930123456":"b"}' })
    expect(found).toEqual([expect.stringMatching(/"a", which does not speak/), expect.stringMatching(/"b", which never hears the end/)])
  })

  it('a profile that is read more slowly than a caller speaks takes no calls', () => {
    expect(mistakes({ ...twilio, MESSAGES_PER_SECOND: '10', BYTES_PER_SECOND: '16 KiB' })).toEqual([
      expect.stringMatching(/"default", which is read more slowly .* messagesPerSecond must be at least 60/),
      expect.stringMatching(/bytesPerSecond must be at least 100000/),
    ])
    const own = profiles({ a: { limits: { messagesPerSecond: 100, audioSecondsPerSecond: 1 } } })
    expect(mistakes({ ...own, ...twilio, MESSAGES_PER_SECOND: '10', TELEPHONY_PROFILE: '{"*":"a"}' })).toEqual([
      expect.stringMatching(/audioSecondsPerSecond must be at least 1\.2/),
    ])
  })

  it('a header sets no amount of a quota', () => {
    const quota = profiles({ default: { limits: { quota: { perDay: { responses: { claim: 'calls', max: 3 } } } } } })
    expect(mistakes({ ...quota, ...twilio, TELEPHONY_CLAIMS: '{"calls":"header:x-calls"}' })).toEqual([expect.stringMatching(/"calls" decides what is counted/)])
    expect(mistakes({ ...quota, ...twilio, TELEPHONY_CLAIMS: '{"calls":"text:5"}' })).toEqual([])
  })

  it('a key set and Entra leave no secret to name callers with', () => {
    const keys = { ...upstream, JWKS_URL: 'https://keys.example.com', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' }
    expect(mistakes(twilio, keys)).toEqual([expect.stringMatching(/^CALLS_SECRET is missing/)])
    expect(mistakes({ ...twilio, CALLS_SECRET: 'a-secret-for-calls-of-more-than-32-bytes' }, keys)).toEqual([])
    expect(mistakes({ ...twilio, AZURE_OPENAI_API_KEY: 'key' }, keys)).toEqual([])
  })

  it('SIP needs an upstream that takes calls', () => {
    const sip = { ...on, SIP_WEBHOOK_SECRET: 'whsec_b2xkLXNlY3JldA==' }
    expect(mistakes({ ...sip, AZURE_OPENAI_API_VERSION: '2025-04-01-preview' })).toEqual([expect.stringMatching(/^SIP_WEBHOOK_SECRET is set and no upstream takes calls/)])
    expect(mistakes(sip)).toEqual([])
  })
})
