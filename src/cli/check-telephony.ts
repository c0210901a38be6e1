// The command `check --telephony`: whether carriers can reach the relay at its public address, and whether the credentials of each carrier are right. Rings nobody.
import { randomBytes, randomUUID } from 'node:crypto'
import { createEnvReader, createProblemList } from '../config/environment.js'
import { loadConfig, processEnvironment } from '../config/load.js'
import type { AcsConfig, TelephonyConfig } from '../config/telephony-config.js'
import { checkTools } from '../tools/check.js'
import { FORM, twilioSignature, webhookHeaders } from './carrier-proofs.js'
import { type Expected, isPrivateHere, judgeRefusal, type Knock, knock } from './public-door.js'
import { failureWords } from './reach.js'

/** A certificate that ends sooner is worth a word: carriers do not call an address whose certificate is over. */
const FEW_DAYS = 14
const KEYS_MS = 10_000

export interface Finding {
  readonly part: string
  readonly status: 'ok' | 'degraded' | 'down'
  readonly detail: string
  readonly advice?: string | undefined
}

/** Prints one line per part, and an advice under each that needs one. False if any part is down. Rejects with a `ConfigError`. */
export async function checkTelephony(print: (line: string) => void): Promise<boolean> {
  const { telephony } = loadConfig(checkTools)
  let allWell = true
  const report = ({ part, status, detail, advice }: Finding): void => {
    if (status === 'down') allWell = false
    print(`${part.padEnd(28)} ${status.padEnd(9)} ${detail}`)
    if (advice !== undefined) print(`${''.padEnd(28)} ${'→'.padStart(9)} ${advice}`)
  }
  if (!telephony) {
    report({
      part: 'telephony',
      status: 'down',
      detail: 'no carrier is configured',
      advice: 'Set PUBLIC_URL, TELEPHONY_PROFILE, and TWILIO_AUTH_TOKEN, ACS_CONNECTION_STRING or SIP_WEBHOOK_SECRET.',
    })
    return false
  }
  for await (const finding of findings(telephony, secretsOf())) report(finding)
  print(allWell ? 'Carriers can ring. Place a first call, and go through the list in deploy/telephony.md.' : 'Some parts do not work.')
  return allWell
}

/** As they stand in the environment: their form is judged, and proofs are made with them. */
interface Secrets {
  readonly twilioTokens: readonly string[]
  readonly sipSecrets: readonly string[]
  readonly gridSecrets: readonly string[]
}

function secretsOf(): Secrets {
  const env = createEnvReader(processEnvironment(), process.cwd(), createProblemList())
  const list = (name: string) => (env.free(name) ?? '').split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]))
  return { twilioTokens: list('TWILIO_AUTH_TOKEN'), sipSecrets: list('SIP_WEBHOOK_SECRET'), gridSecrets: list('ACS_EVENT_GRID_SECRET') }
}

export async function* findings(telephony: TelephonyConfig, secrets: Secrets): AsyncGenerator<Finding> {
  const { publicUrl } = telephony
  const address = await addressFinding(publicUrl)
  yield address
  const reached = address.status !== 'down'
  if (telephony.twilio) {
    for (const [i, token] of secrets.twilioTokens.entries()) yield formFinding(`TWILIO_AUTH_TOKEN${numbered(i, secrets.twilioTokens)}`, FORM.twilioToken(token))
    if (telephony.twilio.accountSid !== undefined) yield formFinding('TWILIO_ACCOUNT_SID', FORM.twilioAccount(telephony.twilio.accountSid))
    if (reached) yield* twilioFindings(publicUrl, secrets.twilioTokens)
  }
  if (telephony.acs) {
    yield await credentialFinding(telephony.acs)
    yield await keysFinding('ACS keys', 'ACS_KEYS_URL', telephony.acs.keysUrl)
    const grid = telephony.acs.eventGrid.token
    if (grid) yield await keysFinding('Event Grid keys', 'ACS_EVENT_GRID_TOKEN', grid.keysUrl)
    if (reached) yield* acsFindings(publicUrl, secrets.gridSecrets)
  }
  if (telephony.sip) {
    for (const [i, secret] of secrets.sipSecrets.entries()) yield formFinding(`SIP_WEBHOOK_SECRET${numbered(i, secrets.sipSecrets)}`, FORM.webhookSecret(secret))
    if (reached) yield* sipFindings(publicUrl, secrets.sipSecrets)
  }
}

const numbered = (i: number, all: readonly unknown[]) => (all.length > 1 ? ` (${i + 1})` : '')

function formFinding(setting: string, problem: string | undefined): Finding {
  return problem === undefined ? { part: setting, status: 'ok', detail: 'has the right form' } : { part: setting, status: 'down', detail: problem }
}

async function addressFinding(publicUrl: URL): Promise<Finding> {
  const part = 'public address'
  const answer = await knock(new URL('/livez', publicUrl))
  const where = `PUBLIC_URL: ${publicUrl.host}`
  if ('failed' in answer) {
    const advice = answer.failed.includes('DNS')
      ? 'Carriers find it by public DNS. Make its record, or correct the name.'
      : 'Start the relay first, and have its load balancer or tunnel listen there. If this machine may not reach its own public address, run this from elsewhere.'
    return { part, status: 'down', detail: `${where} ${answer.failed}`, advice }
  }
  if (answer.status !== 200 || !/"status"\s*:\s*"ok"/.test(answer.body)) {
    const advice = 'Give the address that leads to the relay’s port for clients. A proxy in front must pass on /livez and /telephony/.'
    return { part, status: 'down', detail: `${where} answers HTTP ${answer.status} to /livez, and not as the relay does`, advice }
  }
  const days = answer.certificateDays
  if (days !== undefined && days < FEW_DAYS) {
    return {
      part,
      status: 'degraded',
      detail: `${where} is the relay; its certificate ends in ${days} days`,
      advice: 'Renew it: carriers do not call an address whose certificate is over.',
    }
  }
  const certificate = days === undefined ? 'without TLS' : `certificate for ${days} more days`
  if (await isPrivateHere(publicUrl.hostname)) {
    const advice = 'Carriers come from the internet. If its public DNS record is another one, run this check from outside as well.'
    return { part, status: 'degraded', detail: `${where} is the relay, ${certificate}; seen from here it has a private address`, advice }
  }
  return { part, status: 'ok', detail: `${where} is the relay, ${certificate}` }
}

async function* twilioFindings(publicUrl: URL, tokens: readonly string[]): AsyncGenerator<Finding> {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const expected = { refusals: [401, 403], setting: 'TWILIO_AUTH_TOKEN' }
  yield await refusalFinding('Twilio webhook', new URL('/telephony/twilio/voice', publicUrl), { method: 'POST', headers: form, body: '' }, { ...expected, upgrade: false })
  const media = new URL('/telephony/twilio/media', publicUrl)
  yield await refusalFinding('Twilio media', media, { upgrade: true }, { ...expected, upgrade: true })
  for (const [i, token] of tokens.entries()) {
    const part = `Twilio signature${numbered(i, tokens)}`
    const answer = await knock(media, { upgrade: true, headers: { 'x-twilio-signature': twilioSignature(token, media.href.replace(/^http/, 'ws')) } })
    if ('failed' in answer) yield { part, status: 'down', detail: answer.failed }
    else if (answer.status === 101) yield { part, status: 'ok', detail: 'a signed media socket is let in' }
    else {
      const advice = 'The relay that answers there has another TWILIO_AUTH_TOKEN or another PUBLIC_URL than this configuration.'
      yield { part, status: 'down', detail: `a signed media socket is refused (HTTP ${answer.status})`, advice }
    }
  }
}

async function* acsFindings(publicUrl: URL, secrets: readonly string[]): AsyncGenerator<Finding> {
  const expected = { refusals: [401, 403], setting: 'ACS_CONNECTION_STRING or ACS_ENDPOINT' }
  const incoming = new URL('/telephony/acs/incoming', publicUrl)
  const code = randomUUID()
  const body = JSON.stringify([
    { id: code, eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', subject: '', data: { validationCode: code }, eventTime: new Date().toISOString() },
  ])
  const delivery = { method: 'POST', headers: { 'content-type': 'application/json', 'aeg-event-type': 'SubscriptionValidation' }, body } as const
  yield await refusalFinding('Event Grid', incoming, delivery, { ...expected, upgrade: false })
  yield await refusalFinding('ACS media', new URL(`/telephony/acs/media/${randomBytes(16).toString('base64url')}`, publicUrl), { upgrade: true }, { ...expected, upgrade: true })
  for (const [i, secret] of secrets.entries()) {
    const part = `Event Grid secret${numbered(i, secrets)}`
    const url = new URL(incoming)
    url.searchParams.set('secret', secret)
    const answer = await knock(url, delivery)
    if ('failed' in answer) yield { part, status: 'down', detail: answer.failed }
    else if (answer.status === 200 && answer.body.includes(code)) yield { part, status: 'ok', detail: 'the handshake of a subscription is answered' }
    else
      yield {
        part,
        status: 'down',
        detail: `the handshake of a subscription is answered with HTTP ${answer.status}`,
        advice: 'The relay that answers there has another ACS_EVENT_GRID_SECRET.',
      }
  }
}

/** A signed event of a type that the relay ignores: nobody is rung. */
async function* sipFindings(publicUrl: URL, secrets: readonly string[]): AsyncGenerator<Finding> {
  const url = new URL('/telephony/sip/webhook', publicUrl)
  const body = JSON.stringify({ object: 'event', id: `evt_${randomUUID()}`, type: 'relay.check', created_at: Math.floor(Date.now() / 1000), data: {} })
  const expected = { refusals: [400, 401, 403], setting: 'SIP_WEBHOOK_SECRET', upgrade: false }
  yield await refusalFinding('SIP webhook', url, { method: 'POST', headers: { 'content-type': 'application/json' }, body }, expected)
  for (const [i, secret] of secrets.entries()) {
    const part = `SIP signature${numbered(i, secrets)}`
    const answer = await knock(url, { method: 'POST', headers: webhookHeaders(secret, `wh_${randomUUID()}`, Math.floor(Date.now() / 1000), body), body })
    if ('failed' in answer) yield { part, status: 'down', detail: answer.failed }
    else if (answer.status === 200) yield { part, status: 'ok', detail: 'a signed webhook is taken' }
    else {
      const advice = 'The relay that answers there has another SIP_WEBHOOK_SECRET, or its clock is minutes off.'
      yield { part, status: 'down', detail: `a signed webhook is refused (HTTP ${answer.status})`, advice }
    }
  }
}

async function refusalFinding(part: string, url: URL, asked: Knock, expected: Expected): Promise<Finding> {
  const answer = await knock(url, asked)
  if ('failed' in answer)
    return { part, status: 'down', detail: answer.failed, advice: 'The public address answers, but not at this path. Look at the proxy in front of the relay.' }
  const { says, advice } = judgeRefusal(answer.status, expected)
  return { part, status: advice === undefined ? 'ok' : 'down', detail: says, advice }
}

async function credentialFinding(acs: AcsConfig): Promise<Finding> {
  const part = 'ACS credentials'
  const setting = acs.accessKey ? 'ACS_CONNECTION_STRING' : 'ACS_ENDPOINT'
  const { acsStatus } = await import('../server/acs-check.js')
  const status = await acsStatus(acs)
  const { host } = acs.endpoint
  if (status === 404) return { part, status: 'ok', detail: `${setting}: ${host} takes them` }
  if (status === 401 || status === 403) {
    const advice = acs.accessKey
      ? 'Copy the connection string again (portal, "Keys"), and set this machine’s clock.'
      : 'Give the identity a role on the resource; a new role takes minutes.'
    return { part, status: 'down', detail: `${setting}: ${host} refuses them (HTTP ${status})`, advice }
  }
  if (status === undefined) {
    const advice = acs.accessKey
      ? 'Check the host, and let it through the firewall.'
      : 'Check the host and the firewall, and that the identity gets tokens: az login, or a managed identity.'
    return { part, status: 'down', detail: `${setting}: ${host} gives no answer`, advice }
  }
  return { part, status: 'degraded', detail: `${setting}: ${host} answers HTTP ${status} to a call that does not exist, rather than 404` }
}

async function keysFinding(part: string, setting: string, url: URL): Promise<Finding> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(KEYS_MS), redirect: 'error' })
    const found = response.ok && /"keys"\s*:\s*\[\s*\{/.test(await response.text())
    if (found) return { part, status: 'ok', detail: `${setting}: keys from ${url.host}` }
    return {
      part,
      status: 'down',
      detail: `${setting}: ${url.host} answers HTTP ${response.status}, but not with a key set`,
      advice: 'Unset it for the public cloud. Sovereign clouds have hosts of their own.',
    }
  } catch (error) {
    return { part, status: 'down', detail: `${setting}: ${url.host} ${failureWords(error)}`, advice: 'The relay must reach it to verify who calls. Let it through the firewall.' }
  }
}
