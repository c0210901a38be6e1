// Reads the number or user out of a SIP header such as From or To, whatever a trunk writes around it. Pure.

/** Longer values are no address of a telephone. */
const MAX_LENGTH = 256
const NUMBER = /^\+?[0-9]{3,20}$/
const USER = /^[A-Za-z0-9+_.~!*'()-]{1,64}$/
const SEPARATORS = /[-.() ]/g
/** RFC 3323 and what trunks make of it. */
const WITHHELD = /^(anonymous|restricted|unavailable|unknown|private|withheld|invalid|asserted)$/i

export interface SipAddress {
  /** With its plus, if it is international. Undefined: withheld, or no number. */
  readonly number: string | undefined
  /** The part before the host, or the number. */
  readonly user: string | undefined
}

const NOBODY: SipAddress = { number: undefined, user: undefined }

export function sipAddress(value: string | undefined): SipAddress {
  if (value === undefined || value.length > MAX_LENGTH) return NOBODY
  const uri = uriIn(value)
  const colon = uri.indexOf(':')
  const scheme = uri.slice(0, Math.max(colon, 0)).toLowerCase()
  const rest = uri.slice(colon + 1)
  if (scheme === 'tel') return ofUser(withoutParameters(rest))
  if (scheme !== 'sip' && scheme !== 'sips') return NOBODY
  const at = rest.lastIndexOf('@')
  if (at <= 0 || /^anonymous\.invalid\b/i.test(rest.slice(at + 1))) return NOBODY
  return ofUser(withoutParameters(withoutPassword(rest.slice(0, at))))
}

/** The address stands in angle brackets behind a display name, which may be quoted and may itself look like an address. */
function uriIn(value: string): string {
  const unquoted = value.replace(/"(?:[^"\\]|\\.)*"/g, '')
  if (unquoted.includes('"')) return ''
  const open = unquoted.indexOf('<')
  if (open < 0) return unquoted.trim()
  const close = unquoted.indexOf('>', open)
  return close < 0 || unquoted.lastIndexOf('<') !== open ? '' : unquoted.slice(open + 1, close).trim()
}

function ofUser(given: string): SipAddress {
  const decoded = decodedOf(given)
  if (decoded === undefined || WITHHELD.test(decoded)) return NOBODY
  const digits = decoded.replace(SEPARATORS, '')
  if (NUMBER.test(digits)) return { number: digits, user: digits }
  return { number: undefined, user: USER.test(decoded) ? decoded : undefined }
}

function withoutParameters(text: string): string {
  return text.split(';', 1)[0] ?? ''
}

function withoutPassword(text: string): string {
  return text.split(':', 1)[0] ?? ''
}

function decodedOf(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
