// The paths that speak Realtime, all at the root, where the SDKs look for them.

export const REALTIME_PATHS = ['/v1/realtime', '/openai/v1/realtime', '/openai/realtime', '/realtime'] as const

/** A request target without its query, lower case, without doubled or trailing slashes: as the router compares it. */
export function canonicalPath(target: string): string {
  const path = (target.split('?', 1)[0] ?? '').toLowerCase().replace(/\/{2,}/g, '/')
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** Never throws: undecodable escapes stay as they are. */
export function queryOf(target: string): URLSearchParams {
  const start = target.indexOf('?')
  return new URLSearchParams(start < 0 ? '' : target.slice(start + 1))
}
