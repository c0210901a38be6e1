// What tests of calls by SIP share: a configuration of telephony, and webhooks with the proof that the service would give.
import { createHmac } from 'node:crypto'
import { Secret } from '../../src/config/secret.js'
import type { TelephonyConfig } from '../../src/config/telephony-config.js'

const KEY = Buffer.from('the key of the SIP webhooks of the tests')
export const SIP_SECRET = `whsec_${KEY.toString('base64')}`
export const CALLER = '+14255550100'
export const CALLED = '+18005550199'

export function sipTelephony(over: Partial<TelephonyConfig> = {}): TelephonyConfig {
  return {
    publicUrl: new URL('https://relay.example'),
    profiles: { '*': 'default' },
    callers: { allow: undefined, deny: [] },
    withheld: 'allow',
    limits: { perCaller: 2, withheld: 2, perNumber: 100, total: 100, perCallerPerHour: 1000 },
    claims: {},
    acs: undefined,
    twilio: undefined,
    sip: { webhookSecrets: [new Secret(SIP_SECRET)] },
    ...over,
  }
}

export interface Announced {
  readonly callId: string
  readonly from?: string | undefined
  readonly to?: string
  readonly webhookId?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Announces a call as the service does. Resolves to the HTTP status. */
export async function announce(url: string, { callId, from = CALLER, to = CALLED, webhookId = `wh_${callId}`, headers = {} }: Announced): Promise<number> {
  const sip = { From: `"Caller" <sip:${from}@trunk.example>;tag=1`, To: `<sip:${to}@sip.example>`, 'Call-ID': `${callId}@trunk.example`, ...headers }
  const sip_headers = Object.entries(sip).map(([name, value]) => ({ name, value }))
  const at = Math.floor(Date.now() / 1000)
  const body = JSON.stringify({ object: 'event', id: `evt_${callId}`, type: 'realtime.call.incoming', created_at: at, data: { call_id: callId, sip_headers } })
  const signature = createHmac('sha256', KEY).update(`${webhookId}.${at}.${body}`).digest('base64')
  const proof = { 'webhook-id': webhookId, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` }
  const answer = await fetch(`${url}/telephony/sip/webhook`, { method: 'POST', headers: { 'content-type': 'application/json', ...proof }, body })
  await answer.text()
  return answer.status
}
