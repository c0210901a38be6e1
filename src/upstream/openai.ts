// Where an OpenAI session is dialled; a base URL without a path means `/v1`.
import type { UpstreamConfig } from '../config-shape.js'
import { socketUrl, type UpstreamTarget } from './azure.js'

/** The `OpenAI-Beta` header is never sent: a GA socket that sees it is closed. */
export function openaiTarget(config: UpstreamConfig): UpstreamTarget {
  const base = config.endpoint.pathname.replace(/\/realtime\/*$/, '').replace(/\/+$/, '')
  return { url: socketUrl(config.endpoint, base === '' ? '/v1' : base, '/realtime', { model: config.deployment }), dialect: 'ga' }
}
