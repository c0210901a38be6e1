// The paths that speak Realtime. All lie at the root, where the SDKs expect them.

export const REALTIME_PATHS = ['/v1/realtime', '/openai/v1/realtime', '/openai/realtime', '/realtime'] as const

/** Where calls are made, besides the paths above, which they follow. */
const CALL_BASES = ['/v1/realtime', '/openai/v1/realtime'] as const
export const CALL_PATHS = {
  secrets: CALL_BASES.map((base) => `${base}/client_secrets`),
  sessions: CALL_BASES.map((base) => `${base}/sessions`),
  calls: CALL_BASES.map((base) => `${base}/calls`),
  hangUp: CALL_BASES.map((base) => `${base}/calls/:id/hangup`),
} as const

export function isCallPath(target: string): boolean {
  return /^(\/openai)?\/v1\/realtime\/(client_secrets|sessions|calls(\/[^/]*\/hangup)?)$/.test(canonicalPath(target))
}

/** A request target as the router compares it: without query, in lower case, without doubled or trailing slashes. */
export function canonicalPath(target: string): string {
  const path = (target.split('?', 1)[0] ?? '').toLowerCase().replace(/\/{2,}/g, '/')
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** Never throws: escapes that cannot be decoded stay as they are. */
export function queryOf(target: string): URLSearchParams {
  const start = target.indexOf('?')
  return new URLSearchParams(start < 0 ? '' : target.slice(start + 1))
}
