// Which web pages may connect: an exact list of origins for upgrades, and the same list for CORS on HTTP paths.
import { RefusalError } from '../core/protocol/errors.js'

/** Throws `bad_request` for more than one `Origin`, `forbidden` for one that is not listed. No `Origin`: no browser, passes. */
export function checkOrigin(header: readonly string[] | undefined, allowed: readonly string[] | undefined): void {
  if (header === undefined || header.length === 0) return
  if (header.length > 1) throw new RefusalError('bad_request', 'several_origins')
  if (!allowed?.includes(header[0] ?? '')) throw new RefusalError('forbidden', allowed ? 'origin_not_allowed' : 'no_origin_allowed')
}

const REQUEST_HEADERS = new Set(['authorization', 'api-key', 'content-type', 'x-openai-agents-sdk', 'x-ms-client-request-id'])

/** Headers that let a listed origin's page read the answer; undefined for any other request. */
export function corsHeaders(header: readonly string[] | undefined, allowed: readonly string[] | undefined): Record<string, string> | undefined {
  const origin = header?.length === 1 ? header[0] : undefined
  if (origin === undefined || !allowed?.includes(origin)) return undefined
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': 'Location', vary: 'Origin' }
}

/** The further headers of a preflight's answer. `asked` is its `Access-Control-Request-Headers`; a list cannot say `x-stainless-*`, so those asked for are repeated. */
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
