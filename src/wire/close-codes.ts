// Maps close codes to those that may be sent, and protocol errors of `ws` to the code it closed with.

/** `ws` throws on codes that must not be sent. A peer's "no code" (1005) becomes 1000, every other such code 1011. */
export function sendableCode(code: number): number {
  if (code === 1005) return 1000
  if ((code >= 1000 && code <= 1014 && code !== 1004 && code !== 1006) || (code >= 3000 && code <= 4999)) return Number.isInteger(code) ? code : 1011
  return 1011
}

/** The code that `ws` closed with after a peer broke the protocol or a limit; undefined for an error of the socket itself. */
export function protocolErrorCode(error: Error & { code?: unknown }): number | undefined {
  const name = typeof error.code === 'string' && error.code.startsWith('WS_ERR_') ? error.code : undefined
  if (!name) return undefined
  if (name.startsWith('WS_ERR_UNSUPPORTED')) return 1009
  if (name === 'WS_ERR_INVALID_UTF8') return 1007
  return name === 'WS_ERR_TOO_MANY_BUFFERED_PARTS' ? 1008 : 1002
}
