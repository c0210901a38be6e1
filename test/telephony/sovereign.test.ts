// A cloud of its own: whose tokens ACS calls are let in with is what ACS_ISSUER and ACS_KEYS_URL say, each for itself, and nobody else's.
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { type AcsOptions, createAcs, type SimulatedAcs } from '../../src/simulator/carriers/acs.js'
import type { AcsCall } from '../../src/simulator/carriers/acs-call.js'
import { checkTools } from '../../src/tools/check.js'
import { CALLED, eventually, mediaStatus, openPhoneLab, type PhoneLab } from './phone-lab.js'

const STANDARD = 'https://acscallautomation.communication.azure.com'
const RESOURCE = { resourceId: '6ba7b810-9dad-11d1-80b4-00c04fd430c9', accessKey: Buffer.alloc(32, 5).toString('base64'), secret: 'secret-of-the-event-grid-of-this-cloud' }

let lab: PhoneLab | undefined
let cloud: SimulatedAcs
let other: SimulatedAcs
beforeEach(async () => {
  const options = Object.defineProperty({ ...RESOURCE, dials: false }, 'relayUrl', { get: () => lab?.url, enumerable: true }) as AcsOptions
  ;[cloud, other] = [await createAcs(options), await createAcs(options)]
})
afterEach(async () => {
  await cloud.close()
  await other.close()
  await lab?.close()
  lab = undefined
})

/** A relay that was started with these settings and the cloud's resource. */
async function start(settings: Readonly<Record<string, string>>): Promise<PhoneLab> {
  const env = {
    ...{ JWT_SECRET: 'a shared secret of the tests, 32 bytes or more', AZURE_OPENAI_ENDPOINT: 'http://127.0.0.1:9', AZURE_OPENAI_DEPLOYMENT: 'voice', AZURE_OPENAI_API_KEY: 'key' },
    ...{ PUBLIC_URL: 'http://127.0.0.1:9', TELEPHONY_PROFILE: '{"*":"default"}' },
    ACS_CONNECTION_STRING: `endpoint=${cloud.endpoint}/;accesskey=${RESOURCE.accessKey}`,
    ...{ ACS_RESOURCE_ID: RESOURCE.resourceId, ACS_EVENT_GRID_SECRET: RESOURCE.secret },
    ...settings,
  }
  const { telephony } = loadConfig(checkTools, env, { mode: 'serve', cwd: tmpdir() })
  lab = await openPhoneLab({ telephony: { acs: telephony?.acs } })
  return lab
}

async function answered(): Promise<AcsCall> {
  // Withheld numbers may have more calls at once than one caller.
  const call = await cloud.ring({ from: undefined, to: CALLED })
  await eventually('an answer', () => call.addresses !== undefined)
  return call
}

const statusOf = async (relay: PhoneLab, token: string) => await mediaStatus(relay.url, await answered(), token)

it('lets its tokens in if both settings say so, and no token of the standard issuer', async () => {
  const relay = await start({ ACS_ISSUER: cloud.issuer, ACS_KEYS_URL: cloud.keysUrl })
  expect(await statusOf(relay, cloud.tokens.token({ issuer: STANDARD }))).toBe(401)
  expect(await statusOf(relay, other.tokens.token({ issuer: cloud.issuer }))).toBe(401)
  expect(await statusOf(relay, cloud.tokens.token())).toBe(101)
  const call = await answered()
  const callback = [{ type: 'Microsoft.Communication.CallConnected', data: { callConnectionId: call.names.connectionId } }]
  const told = async (token?: string) => (await cloud.callBack(call.addresses?.callbackUri ?? '', callback, token)).status
  expect([await told(), await told(cloud.tokens.token({ issuer: STANDARD }))]).toEqual([200, 401])
})

it('lets only the standard issuer in if its keys alone are set', async () => {
  const relay = await start({ ACS_KEYS_URL: cloud.keysUrl })
  expect(await statusOf(relay, cloud.tokens.token())).toBe(401)
  expect(await statusOf(relay, cloud.tokens.token({ issuer: STANDARD }))).toBe(101)
})

it('lets nobody in whose keys are elsewhere', async () => {
  const relay = await start({ ACS_ISSUER: cloud.issuer, ACS_KEYS_URL: other.keysUrl })
  expect(await statusOf(relay, cloud.tokens.token())).toBe(401)
  expect(await statusOf(relay, other.tokens.token({ issuer: cloud.issuer }))).toBe(101)
})
