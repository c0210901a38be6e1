// Parses the text of one environment variable. A parser never throws: it says what would be right.
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { parseRedisUrl } from './redis-url.js'
import { Secret } from './secret.js'

export type Parsed<T> = { readonly value: T } | { readonly problem: string }
/** `problem` completes the sentence "NAME …". It never repeats the text, which may be a secret in the wrong place. */
export type Parse<T> = (text: string) => Parsed<T>

const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, kb: 1000, mb: 1_000_000, kib: 1024, mib: 1_048_576 }

export const plainText: Parse<string> = (text) => ({ value: text })

/** Printable ASCII without blanks, so that a header can carry it and a copied line break is noticed. */
export const secretToken: Parse<Secret> = (text) =>
  /^[\u0021-\u007e]+$/.test(text) ? { value: new Secret(text) } : { problem: 'must be printable ASCII without blanks or line breaks' }

/** Used byte for byte, so a stray blank at either end would verify no token. */
export const sharedSecret: Parse<{ readonly secret: Secret; readonly bytes: number }> = (text) =>
  text === text.trim() ? { value: { secret: new Secret(text), bytes: Buffer.byteLength(text) } } : { problem: 'must not begin or end with a blank or line break' }

export function matching(pattern: RegExp, right: string): Parse<string> {
  return (text) => (pattern.test(text) ? { value: text } : { problem: `must be ${right}` })
}

export function oneOf<T extends string>(...allowed: readonly T[]): Parse<T> {
  return (text) => {
    const found = allowed.find((name) => name === text)
    return found === undefined ? { problem: `must be one of ${allowed.join(', ')}` } : { value: found }
  }
}

export const boolean: Parse<boolean> = (text) => {
  const lower = text.toLowerCase()
  return lower === 'true' || lower === 'false' ? { value: lower === 'true' } : { problem: 'must be true or false' }
}

export function wholeNumber(low: number, high: number): Parse<number> {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    return value >= low && value <= high ? { value } : { problem: `must be a whole number from ${low} to ${high}` }
  }
}

/** `auto` means one for each processor that this process may use. */
export function processes(high: number): Parse<number> {
  return (text) => {
    if (text.toLowerCase() === 'auto') return { value: Math.min(high, availableParallelism()) }
    const parsed = wholeNumber(1, high)(text)
    return 'value' in parsed ? parsed : { problem: `${parsed.problem}, or auto` }
  }
}

export function decimal(low: number, high: number, unit = ''): Parse<number> {
  return (text) => {
    const value = /^\d{1,12}(\.\d{1,9})?$|^\.\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    return value >= low && value <= high ? { value } : { problem: `must be a number from ${low} to ${high}${unit}, fractions allowed` }
  }
}

/** Seconds in the text, whole milliseconds in the value. */
export function seconds(low: number, high: number): Parse<number> {
  return (text) => {
    const parsed = decimal(low, high, ' seconds')(text)
    return 'value' in parsed ? { value: Math.round(parsed.value * 1000) } : parsed
  }
}

/** `4194304`, `4 MiB`, `512KiB`, fractions with a unit allowed. */
export function bytes(low: number, high: number): Parse<number> {
  return (text) => {
    const match = /^(\d{1,12}(?:\.\d{1,6})?) ?([a-z]*)$/i.exec(text)
    const unit = BYTE_UNITS[(match?.[2] ?? '?').toLowerCase()]
    const value = unit === undefined ? Number.NaN : Number(match?.[1]) * unit
    return value >= low && value <= high && Number.isInteger(value) ? { value } : { problem: `must be ${low} to ${high} bytes, with or without a unit (4194304, 4 MiB)` }
  }
}

/** As `bytes`, or one of two words. */
export function memory(low: number, high: number): Parse<number | 'auto' | 'off'> {
  return (text) => (text === 'auto' || text === 'off' ? { value: text } : bytes(low, high)(text))
}

/** A comma list of at least one entry. Each is checked on its own, empty ones are left out. */
export function list<T>(entry: Parse<T>): Parse<readonly T[]> {
  return (text) => {
    const values: T[] = []
    const parts = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
    for (const [index, part] of parts.entries()) {
      const parsed = entry(part)
      if ('problem' in parsed) return { problem: `entry ${index + 1} ${parsed.problem}` }
      values.push(parsed.value)
    }
    return values.length > 0 ? { value: values } : { problem: 'must name at least one' }
  }
}

/** Plain http would send credentials in clear, so it is for loopback only. */
export const httpUrl: Parse<URL> = (text) => {
  if (!URL.canParse(text)) return { problem: 'must be a URL such as https://name.example.com' }
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { problem: 'must begin with https://' }
  if (url.username !== '' || url.password !== '') return { problem: 'must not contain a user name or password' }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) return { problem: 'must be https: plain http is for loopback only (localhost, 127.0.0.1, [::1])' }
  return { value: url }
}

/** As `httpUrl`, but without query and fragment: they would be lost when a path is appended. */
export const endpointUrl: Parse<URL> = (text) => {
  const parsed = httpUrl(text)
  if ('problem' in parsed) return parsed
  return parsed.value.search === '' && parsed.value.hash === '' ? parsed : { problem: 'must have no ? or # part: give the resource, such as https://my-resource.openai.azure.com' }
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'))
}

/** Spelled as browsers spell it. Origins are compared as strings, so another spelling would never match. */
export const origin: Parse<string> = (text) => {
  if (text === '*' || text === 'null') return { problem: 'must be an exact origin: neither * nor null is accepted' }
  const right = 'must be an origin: scheme, host and port alone, such as https://app.example.com or http://localhost:3000'
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s\\]+$/i.test(text) || !URL.canParse(text)) return { problem: right }
  const serialized = new URL(text).origin
  if (serialized === 'null') return text === text.toLowerCase() ? { value: text } : { problem: `${right}, in lower case` }
  return serialized === text ? { value: text } : { problem: `must be spelled as browsers spell it: ${serialized}` }
}

const PROXY_RANGES = ['loopback', 'linklocal', 'uniquelocal']

/** The relay believes `X-Forwarded-*` headers from these addresses. */
export const trustedProxies: Parse<string | boolean> = (text) => {
  const asBoolean = boolean(text)
  if ('value' in asBoolean) return asBoolean
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.every((entry) => PROXY_RANGES.includes(entry) || isAddressRange(entry))) return { value: entries.join(',') }
  return { problem: `must be true, false or a comma list of addresses, ranges (10.0.0.0/8) or ${PROXY_RANGES.join(', ')}` }
}

function isAddressRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= (family === 4 ? 32 : 128))
}

/** Secret, since it may carry a password; `address` is to show. Without a scheme it is `http`, as with curl. */
export const proxyAddress: Parse<{ readonly url: Secret; readonly address: string }> = (text) => {
  const right = 'must be a URL such as http://proxy.example.com:8080'
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(whole)) return { problem: right }
  const url = new URL(whole)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { problem: `${right}: other kinds of proxy, such as SOCKS, are not supported` }
  if (url.hostname === '' || url.pathname !== '/' || url.search !== '' || url.hash !== '') return { problem: `${right}, without a path` }
  if (/%(?![0-9a-f]{2})/i.test(url.username + url.password)) return { problem: `${right}, with a % in user name or password written as %25` }
  return { value: { url: new Secret(url.href), address: `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}` } }
}

/** Kept secret because it may carry a password. */
export interface RedisAddress {
  readonly url: Secret
  /** What is wrong with it for a Redis that wants a password or nothing, and for one that wants Entra ID tokens. One of both is undefined. */
  readonly objections: { readonly password: string | undefined; readonly entra: string | undefined }
}

export const redisUrl: Parse<RedisAddress> = (text) => {
  const objections = { password: objectionTo(text, false), entra: objectionTo(text, true) }
  return objections.password !== undefined && objections.entra !== undefined ? { problem: objections.password } : { value: { url: new Secret(text), objections } }
}

function objectionTo(text: string, entra: boolean): string | undefined {
  try {
    parseRedisUrl(text, entra)
    return undefined
  } catch (error) {
    return `is not usable: ${error instanceof Error ? error.message : 'it cannot be read'}`
  }
}
