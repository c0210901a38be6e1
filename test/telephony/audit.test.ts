// What the audit of a whole relay has of telephone calls that it refused, of all three carriers: code and carrier, and nobody's number.
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { SimulatedCarrier } from '../../src/simulator/carriers/carrier.js'
import { createSip } from '../../src/simulator/carriers/sip.js'
import { createTwilio } from '../../src/simulator/carriers/twilio.js'
import { uniquePrefix } from '../support/redis.js'
import { SIP_SECRET } from '../support/sip-ring.js'
import { acsConfigOf, CALLED, CALLER, eventually, mediaStatus, openPhoneLab, type PhoneLab } from './phone-lab.js'

const TOKEN = '0123456789abcdef0123456789abcdef'
const ACCOUNT = 'AC0123456789abcdef0123456789abcdef'
const PEM = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

let dir: string
let lab: PhoneLab | undefined
let other: PhoneLab | undefined
let carriers: readonly SimulatedCarrier[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'relay-phone-audit-'))
})
afterEach(async () => {
  await Promise.all(carriers.map((carrier) => carrier.close()))
  await lab?.close()
  await other?.close()
  lab = other = undefined
  rmSync(dir, { recursive: true })
})

function audited(): string {
  const [file = ''] = readdirSync(dir).filter((name) => name.endsWith('.jsonl'))
  return readFileSync(join(dir, file), 'utf8')
}

function refusals(): readonly object[] {
  return audited()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ kind }) => kind === 'refused')
    .map(({ at: _at, chain: _chain, prev: _prev, seq: _seq, v: _v, ...said }) => said)
}

it('has each call that was refused, with code and carrier and without a number', async () => {
  lab = await openPhoneLab({
    env: { AUDIT_DIR: dir, AUDIT_KEY: PEM.replaceAll('\n', '\\n') },
    telephony: {
      callers: { allow: undefined, deny: [CALLER] },
      twilio: { authTokens: [new Secret(TOKEN)], accountSid: ACCOUNT },
      sip: { webhookSecrets: [new Secret(SIP_SECRET)] },
    },
  })
  const twilio = createTwilio({ relayUrl: lab.url, authToken: TOKEN, accountSid: ACCOUNT })
  const sip = createSip({ simulator: lab.simulator, relayUrl: lab.url, secret: SIP_SECRET })
  carriers = [twilio, sip]
  for (const carrier of [lab.acs, twilio, sip]) {
    const call = await carrier.ring({ from: CALLER, to: CALLED })
    await expect(call.connected).rejects.toThrow(/reject|forbidden/)
  }
  await lab.drain()

  const refused = refusals()
  expect(refused).toEqual(['acs', 'twilio', 'sip'].map((carrier) => ({ kind: 'refused', code: 'forbidden', carrier })))
  for (const number of [CALLER, CALLED]) expect(audited()).not.toContain(number.slice(1))
})

it('has a call once that is refused at its media socket, on another relay than answered it', async () => {
  const shared = { REDIS_URL: process.env.REDIS_URL ?? '', REDIS_KEY_PREFIX: uniquePrefix() }
  other = await openPhoneLab({ env: shared, acs: { dials: false } })
  const { acs } = other
  lab = await openPhoneLab({
    env: { ...shared, AUDIT_DIR: dir, AUDIT_KEY: PEM.replaceAll('\n', '\\n') },
    telephony: { acs: acsConfigOf(acs), callers: { allow: undefined, deny: [CALLER] } },
  })
  const call = await acs.ring({ from: CALLER, to: CALLED })
  await eventually('an answer', () => call.addresses !== undefined)
  expect(await mediaStatus(lab.url, call, acs.tokens.token())).toBe(403)
  await lab.drain()
  expect(refusals()).toEqual([{ kind: 'refused', code: 'forbidden', carrier: 'acs' }])
})
