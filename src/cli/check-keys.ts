// Asks the key set and its issuer for the command `check`: whether the keys can verify a token, and whether the settings name what the issuer says of itself.
import { type AuthenticatorDeps, createAuthenticator } from '../auth/authenticator.js'
import { usableKeys } from '../auth/key-set.js'
import type { Config, ProxyConfig } from '../config/config.js'
import { httpUrl } from '../config/parse.js'
import { proxyFor } from '../config/proxy.js'
import { isObject, type JsonObject } from '../core/protocol/events.js'
import type { Health } from '../ports/health.js'
import { fetchOf } from '../server/key-fetch.js'
import { failureWords } from './reach.js'

export interface Line extends Health {
  readonly advice?: string
}

const MAX_BYTES = 1024 * 1024
const DISCOVERY_MS = 5000
const MAX_SHOWN = 200
const FROM_DISCOVERY = 'It must be the address of the key set itself, which the issuer’s /.well-known/openid-configuration names as jwks_uri'
/** Source: Entra ID's access tokens of version 2.0 have the API's client ID as `aud`, never its `api://` address. */
const ENTRA_V2 = /^https:\/\/login\.microsoftonline\.(com|us)\/[^/]+\/v2\.0$/
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function way(proxy: ProxyConfig | undefined): string {
  return proxy ? `through ${proxy.setting} (${proxy.address})` : 'directly'
}

/** One line for the keys, and one for the issuer if there is something to say of it. */
export async function checkKeys(config: Config): Promise<readonly (readonly [part: string, line: Line])[]> {
  const { auth } = config
  if (auth.key.kind !== 'jwks') return [['token keys', await createAuthenticator(auth).health()]]
  const ask = fetchOf(config)
  const document = await discovery(auth.issuer, ask)
  const issuer = issuerLine(auth, document)
  return [['token keys', await keysLine(config, auth.key.url, document, ask)], ...(issuer ? [['token issuer', issuer] as const] : [])]
}

type Ask = NonNullable<AuthenticatorDeps['fetch']>

async function keysLine(config: Config, url: URL, document: JsonObject | undefined, ask: Ask): Promise<Line> {
  let answer = 'does not answer'
  let keys: readonly JsonObject[] = []
  const health = await createAuthenticator(config.auth, {
    fetch: async (to, init) => {
      try {
        const response = await ask(to, init)
        if (response.status !== 200) {
          answer = `answers HTTP ${response.status}`
          return response
        }
        const text = await textOf(response)
        answer = answerWords(text)
        keys = (usableKeys(jsonOf(text)) ?? []) as readonly JsonObject[]
        return new Response(text)
      } catch (error) {
        answer = failureWords(error)
        throw error
      }
    },
  }).health()
  const route = way(proxyFor(url, config.proxies))
  if (health.status !== 'ok') return { ...health, detail: `JWKS_URL: ${url.host} ${answer}, ${route}`, advice: `${FROM_DISCOVERY}${jwksUri(document)}.` }
  const { algorithms } = config.auth
  if (keys.some((key) => algorithmsOf(key).some((name) => algorithms.includes(name)))) return { status: 'ok', detail: `JWKS_URL: keys from ${url.host}, ${route}` }
  const others = [...new Set(keys.map((key) => algorithmsOf(key)[0]))].filter((name) => name !== undefined)
  const detail = `JWKS_URL: ${url.host} has no key for ${algorithms.join(', ')}, ${route}`
  return others.length === 0
    ? { status: 'down', detail, advice: 'It has no key that verifies signatures. Is it the key set of this issuer?' }
    : { status: 'down', detail, advice: `Its keys are for ${others.join(', ')}: set JWT_ALGORITHMS to what the issuer signs with.` }
}

function answerWords(text: string): string {
  const json = jsonOf(text)
  if (isObject(json) && typeof json.jwks_uri === 'string') return 'answers with the discovery document, not with the key set that it names'
  return /^\s*</.test(text) ? 'answers with a web page, not with a key set' : 'answers HTTP 200, but not with a key set'
}

/** Of a key that `usableKeys` lets through. */
function algorithmsOf({ kty, crv, alg }: JsonObject): readonly string[] {
  if (typeof alg === 'string') return [alg]
  if (kty === 'RSA') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
  if (kty === 'OKP') return ['EdDSA', 'Ed25519']
  return { 'P-256': ['ES256'], 'P-384': ['ES384'], 'P-521': ['ES512'] }[String(crv)] ?? []
}

/** What the issuer says of itself. Undefined: it is no address, or has no such document. */
async function discovery(issuer: string | undefined, ask: Ask): Promise<JsonObject | undefined> {
  const parsed = httpUrl(issuer ?? '')
  if (!('value' in parsed)) return undefined
  try {
    const url = new URL(`${parsed.value.href.replace(/\/$/, '')}/.well-known/openid-configuration`)
    const response = await ask(url, { redirect: 'error', signal: AbortSignal.timeout(DISCOVERY_MS), headers: { accept: 'application/json' } })
    if (response.status === 200) {
      const json = jsonOf(await textOf(response))
      return isObject(json) && typeof json.issuer === 'string' ? json : undefined
    }
    await response.body?.cancel()
  } catch {
    // Many issuers have none, or one that this machine may not reach: the keys alone decide.
  }
  return undefined
}

function issuerLine({ issuer = '', audience }: Config['auth'], document: JsonObject | undefined): Line | undefined {
  if (document && document.issuer !== issuer) {
    const says = shown(String(document.issuer))
    const advice = says.includes('{')
      ? 'That is the address for all tenants. Name your own tenant in JWT_ISSUER and JWKS_URL.'
      : 'Tokens say exactly that in iss, each slash included: set JWT_ISSUER to it.'
    return { status: 'degraded', detail: `JWT_ISSUER: its discovery document says that it is "${says}"`, advice }
  }
  if (ENTRA_V2.test(issuer) && audience !== undefined && !GUID.test(audience))
    return {
      status: 'degraded',
      detail: 'JWT_AUDIENCE: tokens of this issuer name the API by its client ID, a GUID, and this is none',
      advice: 'Set JWT_AUDIENCE to the API’s client ID. Tokens that name it as api://… are of version 1.0, and have another issuer.',
    }
  return document && { status: 'ok', detail: 'JWT_ISSUER: its discovery document says the same' }
}

function jwksUri(document: JsonObject | undefined): string {
  const parsed = httpUrl(typeof document?.jwks_uri === 'string' ? document.jwks_uri : '')
  return 'value' in parsed ? `: ${shown(parsed.value.href)}` : ''
}

/** Foreign text, so that it can be shown. */
function shown(text: string): string {
  return text.replace(/[^\u0021-\u007e]/g, '?').slice(0, MAX_SHOWN)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Cut at the length that the relay takes. */
async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > MAX_BYTES) break
  }
  return Buffer.concat(chunks).toString('utf8')
}
