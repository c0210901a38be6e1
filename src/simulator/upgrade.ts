// Decides on an upgrade request: its dialect and deployment, or its refusal before or after the 101.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { DialectName } from '../core/protocol/dialect.js'
import { BETA_SHAPE_DISABLED, DEPLOYMENT_NOT_FOUND } from './error-events.js'
import type { SimulatorOptions } from './options.js'
import { type Problem, problem } from './validate.js'

export type Decision =
  | { readonly kind: 'open'; readonly dialect: DialectName; readonly deployment: string; readonly type: 'realtime' | 'transcription' }
  /** A sideband of a WebRTC call, if there is such a call. */
  | { readonly kind: 'attach'; readonly callId: string }
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string; readonly message: string }
  /** Sends 101, one `error`, then this close. */
  | { readonly kind: 'reject'; readonly problem: Problem; readonly closeCode: number; readonly reason: string }

const KEY_PROTOCOL = 'openai-insecure-api-key.'
const BETA_PROTOCOL = 'openai-beta.realtime-v1'

export function decideUpgrade(url: URL, headers: IncomingHttpHeaders, options: SimulatorOptions): Decision {
  if (options.style === 'openai') return url.pathname === '/v1/realtime' ? decideOpenAi(url, headers, options) : notFound()
  if (url.pathname === '/openai/v1/realtime') return decideGa(url, headers, options)
  if (url.pathname === '/openai/realtime') return decidePreview(url, headers, options)
  if (url.pathname === '/voice-live/realtime') return decideVoiceLive(url, headers, options)
  return notFound()
}

function decideGa(url: URL, headers: IncomingHttpHeaders, options: SimulatorOptions): Decision {
  if (!keyFits(url, headers, options)) return badKey()
  // The documented symptom of a mix of both endpoints.
  if (url.searchParams.has('api-version')) return badKey()
  const named = ['model', 'call_id', 'intent'].filter((name) => url.searchParams.has(name))
  if (named.length !== 1) return refuse(400, 'BadRequest', 'Exactly one of model, call_id and intent is required.')
  const callId = url.searchParams.get('call_id')
  if (callId !== null) return { kind: 'attach', callId }
  const intent = url.searchParams.get('intent')
  if (intent !== null) {
    return intent === 'transcription' ? { kind: 'open', dialect: 'ga', deployment: 'transcription', type: 'transcription' } : refuse(400, 'BadRequest', 'Unknown intent.')
  }
  return byDeployment(url.searchParams.get('model') ?? '', 'ga', options)
}

function decidePreview(url: URL, headers: IncomingHttpHeaders, options: SimulatorOptions): Decision {
  if (!keyFits(url, headers, options)) return badKey()
  const version = url.searchParams.get('api-version') ?? ''
  if (!/^20\d\d-\d\d-\d\d(?:-preview)?$/.test(version)) return refuse(400, 'BadRequest', 'The api-version is missing or not supported.')
  return byDeployment(url.searchParams.get('deployment') ?? '', 'preview', options)
}

/** It takes a model and an `api-version`, never a deployment. */
function decideVoiceLive(url: URL, headers: IncomingHttpHeaders, options: SimulatorOptions): Decision {
  if (!keyFits(url, headers, options)) return badKey()
  const version = url.searchParams.get('api-version') ?? ''
  if (!/^20\d\d-\d\d-\d\d(?:-preview)?$/.test(version)) return refuse(400, 'BadRequest', 'The api-version is missing or not supported.')
  const model = url.searchParams.get('model') ?? ''
  if (model === '' || model.length > 256) return refuse(400, 'BadRequest', 'The model is missing.')
  if (options.deployments && !options.deployments.includes(model)) return refuse(400, 'BadRequest', `The model ${model.slice(0, 64)} is not supported.`)
  return { kind: 'open', dialect: 'voice-live', deployment: model, type: 'realtime' }
}

function byDeployment(deployment: string, dialect: DialectName, options: SimulatorOptions): Decision {
  if (/whisper|transcribe|embedding/i.test(deployment)) return refuse(400, 'OpperationNotSupported', 'The realtime operation does not work with the specified model.')
  const exists = deployment !== '' && deployment.length <= 256 && (options.deployments?.includes(deployment) ?? true)
  if (exists) return { kind: 'open', dialect, deployment, type: 'realtime' }
  return refuse(404, DEPLOYMENT_NOT_FOUND.code, DEPLOYMENT_NOT_FOUND.message)
}

function decideOpenAi(url: URL, headers: IncomingHttpHeaders, options: SimulatorOptions): Decision {
  const given = openAiKey(headers)
  if (given === undefined) return reject(problem('', null, 'Missing bearer or basic authentication in header'), 3000)
  if (!sameKey(given, options.apiKey))
    return reject(
      problem('invalid_api_key', null, `Incorrect API key provided: ${masked(given)}. You can find your API key at https://platform.openai.com/account/api-keys.`),
      3000,
    )
  if (headers['openai-beta'] !== undefined || offered(headers).includes(BETA_PROTOCOL)) return reject(BETA_SHAPE_DISABLED, 4000)
  const callId = url.searchParams.get('call_id')
  if (callId !== null) return { kind: 'attach', callId }
  if (url.searchParams.get('intent') === 'transcription') return { kind: 'open', dialect: 'ga', deployment: 'transcription', type: 'transcription' }
  const model = url.searchParams.get('model') ?? ''
  if (model === '') return reject(problem('missing_model', null, 'You must provide a model parameter.'), 4000)
  if (options.deployments && !options.deployments.includes(model))
    return reject(
      problem(
        'invalid_model',
        null,
        `Model "${model.slice(0, 64)}" is not supported in realtime mode. See https://platform.openai.com/docs/models for a list of supported models.`,
      ),
      4000,
    )
  return { kind: 'open', dialect: 'ga', deployment: model, type: 'realtime' }
}

/** The subprotocols that the client offered, in order. */
export function offered(headers: IncomingHttpHeaders): string[] {
  return String(headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
}

function keyFits(url: URL, headers: IncomingHttpHeaders, options: SimulatorOptions): boolean {
  const given = String(headers['api-key'] ?? '') || bearer(headers) || url.searchParams.get('api-key') || ''
  return given !== '' && sameKey(given, options.apiKey)
}

/** Whether a request that is no upgrade has the server's own key. */
export function serverKeyFits(url: URL, headers: IncomingHttpHeaders, options: SimulatorOptions): boolean {
  if (options.style !== 'openai') return keyFits(url, headers, options)
  const given = bearer(headers)
  return given !== undefined && sameKey(given, options.apiKey)
}

function openAiKey(headers: IncomingHttpHeaders): string | undefined {
  const inProtocol = offered(headers).find((name) => name.startsWith(KEY_PROTOCOL))
  return bearer(headers) ?? inProtocol?.slice(KEY_PROTOCOL.length)
}

export function bearer(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1]
}

/** The request's credential in any form, for faults that quote it. */
export function anyKey(url: URL, headers: IncomingHttpHeaders): string {
  return String(headers['api-key'] ?? '') || (openAiKey(headers) ?? url.searchParams.get('api-key') ?? '')
}

function sameKey(given: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return given !== ''
  const digest = (key: string) => createHash('sha256').update(key).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}

/** Shows some characters of the key, as the service does. */
function masked(key: string): string {
  return key.length > 12 ? `${key.slice(0, 8)}${'*'.repeat(Math.min(key.length - 12, 64))}${key.slice(-4)}` : '*'.repeat(key.length)
}

function refuse(status: number, code: string, message: string): Decision {
  return { kind: 'refuse', status, code, message }
}

export const BAD_KEY =
  'Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.'

function badKey(): Decision {
  return refuse(401, '401', BAD_KEY)
}

function notFound(): Decision {
  return refuse(404, '404', 'Resource not found')
}

function reject(found: Problem, closeCode: number): Decision {
  return { kind: 'reject', problem: found, closeCode, reason: `invalid_request_error${found.code === '' ? '' : `.${found.code}`}` }
}
