// Decides which web pages may connect: one exact list of origins, for upgrades and for CORS on HTTP paths.
import { RefusalError } from '../core/protocol/errors.js'
import { originOf } from './proxies.js'

/**
 * Throws `bad_request` for more than one `Origin`, and `forbidden` for one that is neither listed nor the relay's own. A request without `Origin` comes
 * from no browser and passes. So does one with the relay's own, which native clients send: no page is foreign there.
 */
export function checkOrigin(header: readonly string[] | undefined, allowed: readonly string[] | undefined, own: () => readonly string[]): void {
  if (header === undefined || header.length === 0) return
  if (header.length > 1) throw new RefusalError('bad_request', 'several_origins')
  const [origin = ''] = header
  if (allowed?.includes(origin) || own().includes(originOf(origin) ?? '')) return
  throw originRefused(origin, allowed)
}

/** Scheme, host and port, in letters that need no quoting. What else stands in the header may be anything, such as a password. */
const SHOWN = /^(null|[a-z][a-z0-9+.-]*:\/\/[a-z0-9.:[\]-]+)$/i
const MAX_SHOWN = 256

/** Tells the client, as far as it may read the answer, and the log which origin it was and what decides. */
function originRefused(origin: string, allowed: readonly string[] | undefined): RefusalError {
  const shown = SHOWN.test(origin) && origin.length <= MAX_SHOWN ? origin : 'of this request'
  const message = `The origin ${shown} is not allowed here. The relay's setting ALLOWED_ORIGINS decides.`
  return new RefusalError('forbidden', allowed ? 'origin_not_allowed' : 'no_origin_allowed', undefined, { message, log: { origin: shown, setting: 'ALLOWED_ORIGINS' } })
}

const REQUEST_HEADERS = new Set(['authorization', 'api-key', 'content-type', 'x-openai-agents-sdk', 'x-ms-client-request-id'])

/** Headers that let a page of a listed origin read the answer; undefined for any other request. */
export function corsHeaders(header: readonly string[] | undefined, allowed: readonly string[] | undefined): Record<string, string> | undefined {
  const origin = header?.length === 1 ? header[0] : undefined
  if (origin === undefined || !allowed?.includes(origin)) return undefined
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': 'Location', vary: 'Origin' }
}

/** Throws `forbidden` for a preflight of a page whose origin is not listed. The relay's own pages need none. */
export function refusePreflight(header: readonly string[]): never {
  throw originRefused(header.join(', '), [])
}

/**
 * Further headers of the answer to a preflight. `asked` is its `Access-Control-Request-Headers`. CORS has no wildcard for `x-stainless-*`,
 * so the answer repeats those that were asked for.
 */
export function preflightHeaders(asked: string | undefined): Record<string, string> {
  const stainless = (asked ?? '')
    .slice(0, 2048)
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => /^x-stainless-[a-z0-9-]{1,64}$/.test(name))
  return {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': [...REQUEST_HEADERS, ...stainless].join(', '),
    'access-control-max-age': '600',
  }
}
