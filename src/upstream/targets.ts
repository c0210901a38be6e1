// Builds the URL of an upstream from its configuration: Azure OpenAI (GA or a dated preview), Voice Live or OpenAI.
import type { UpstreamConfig } from '../config/config.js'
import type { DialectName } from '../core/protocol/dialect.js'

export interface UpstreamTarget {
  readonly url: URL
  readonly dialect: DialectName
}

/** The first Voice Live version that is not a preview. Used if `apiVersion` is unset or `v1`. */
const VOICE_LIVE_API_VERSION = '2025-10-01'

/**
 * GA takes no `api-version` (Azure answers 401 to one) and calls the deployment `model`; a dated preview calls it `deployment`.
 * A leading path, such as an API gateway's, is kept. A pasted `/openai` or `/openai/v1` is not doubled.
 */
export function azureTarget(config: UpstreamConfig): UpstreamTarget {
  const version = datedVersion(config)
  const base = config.endpoint.pathname.replace(/\/openai(\/v1)?\/*$/, '')
  if (version === undefined) return { url: socketUrl(config.endpoint, base, '/openai/v1/realtime', { model: config.deployment }), dialect: 'ga' }
  return { url: socketUrl(config.endpoint, base, '/openai/realtime', { 'api-version': version, deployment: config.deployment }), dialect: 'preview' }
}

/** Voice Live takes a model, not a deployment, and always requires an `api-version`. */
export function voiceLiveTarget(config: UpstreamConfig): UpstreamTarget {
  const base = config.endpoint.pathname.replace(/\/voice-live(\/realtime)?\/*$/, '')
  const query = { 'api-version': datedVersion(config) ?? VOICE_LIVE_API_VERSION, model: config.deployment }
  return { url: socketUrl(config.endpoint, base, '/voice-live/realtime', query), dialect: 'voice-live' }
}

/** A base URL without a path means `/v1`. The `OpenAI-Beta` header is never sent, because the service closes a GA socket that has it. */
export function openaiTarget(config: UpstreamConfig): UpstreamTarget {
  const base = config.endpoint.pathname.replace(/\/realtime\/*$/, '').replace(/\/+$/, '')
  return { url: socketUrl(config.endpoint, base === '' ? '/v1' : base, '/realtime', { model: config.deployment }), dialect: 'ga' }
}

/** Where the calls of a GA target are made: its own path, over HTTP and without a query. */
export function callsUrl({ url }: UpstreamTarget): URL {
  const calls = new URL(url)
  calls.protocol = url.protocol === 'ws:' ? 'http:' : 'https:'
  calls.search = ''
  return calls
}

/** It names the call instead of the model. */
export function sidebandUrl({ url }: UpstreamTarget, callId: string): URL {
  const sideband = new URL(url)
  sideband.search = new URLSearchParams({ call_id: callId }).toString()
  return sideband
}

/** `http` becomes `ws`, `https` becomes `wss`. User info, query and fragment of the endpoint are dropped. */
function socketUrl(endpoint: URL, base: string, path: string, query: Readonly<Record<string, string>>): URL {
  const url = new URL(endpoint.origin)
  url.protocol = endpoint.protocol === 'http:' ? 'ws:' : 'wss:'
  url.pathname = `${base.replace(/\/+$/, '')}${path}`
  url.search = new URLSearchParams(query).toString()
  return url
}

function datedVersion(config: UpstreamConfig): string | undefined {
  return config.apiVersion === 'v1' || config.apiVersion === '' ? undefined : config.apiVersion
}
