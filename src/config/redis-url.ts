// Reads REDIS_URL: one server, a cluster or a sentinel-watched master, plain or with TLS.

/**
 * The forms. `s` after `redis` means TLS. User and password are percent-decoded. Both may be left out, the password alone may not:
 * - `redis[s]://[[user]:password@]host[:6379][/db]`
 * - `rediss://<object id>@host[:6379][/db]` for Entra ID, whose token is the password
 * - `redis[s]+cluster://[[user]:password@]host[:6379][,host[:6379]…]`
 * - `redis[s]+sentinel://[[user]:password@]host[:26379][,host[:26379]…]/<master>[/db]`. User and password are the master's; sentinels are asked without.
 */
export interface RedisTarget {
  readonly kind: 'single' | 'cluster' | 'sentinel'
  readonly tls: boolean
  readonly nodes: readonly [RedisNode, ...RedisNode[]]
  readonly username: string | undefined
  readonly password: string | undefined
  readonly db: number
  /** Set for `sentinel` only. */
  readonly master: string | undefined
}

export interface RedisNode {
  readonly host: string
  readonly port: number
}

const FORM = /^redis(s?)(\+cluster|\+sentinel)?:\/\/(?:(.*)@)?([^/?#@]+)((?:\/[^/?#]*){0,2})$/s

const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/

/** Throws an Error that says what is wrong without repeating any part of the URL. With `entra` the URL names who signs in, and no password. */
export function parseRedisUrl(url: string, entra = false): RedisTarget {
  const match = FORM.exec(url)
  if (!match) throw new Error('the Redis URL must read redis[s]://, redis[s]+cluster:// or redis[s]+sentinel://, then hosts, without a query')
  const [, secure, variant, credentials, hosts = '', path = ''] = match
  const kind = variant === '+cluster' ? 'cluster' : variant === '+sentinel' ? 'sentinel' : 'single'
  const [first, ...rest] = hosts.split(',').map((host) => parseNode(host, kind === 'sentinel' ? 26379 : 6379))
  if (!first) throw new Error('the Redis URL names no host')
  if (kind === 'single' && rest.length > 0) throw new Error('the Redis URL names several hosts: use redis+cluster:// or redis+sentinel://')
  const words = path.split('/').slice(1).map(decode)
  const master = kind === 'sentinel' ? words.shift() : undefined
  if (kind === 'sentinel' && !master) throw new Error('the Redis URL names no master: redis+sentinel://host:port/<master>')
  if (words.length > 1 || (kind === 'cluster' && words.some((word) => word !== ''))) throw new Error('the Redis URL has a path that means nothing')
  const target = {
    kind,
    tls: secure === 's',
    nodes: [first, ...rest] as const,
    ...(entra ? parseSignIn(credentials) : parseCredentials(credentials)),
    db: parseDb(words[0]),
    master,
  } as const
  if (entra && kind !== 'single') throw new Error('the Redis URL names a cluster or sentinels: with REDIS_ENTRA it must be one address')
  if (entra && !target.tls && !LOOPBACK.test(first.host)) throw new Error('the Redis URL must begin with rediss://: a token would go over the network as plain text')
  return target
}

function parseNode(text: string, defaultPort: number): RedisNode {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  if (!host || port < 1 || port > 65535) throw new Error('the Redis URL has a host that is not name:port')
  return { host, port }
}

function parseCredentials(text: string | undefined): { username: string | undefined; password: string | undefined } {
  if (text === undefined) return { username: undefined, password: undefined }
  const colon = text.indexOf(':')
  if (colon === -1 || colon === text.length - 1) throw new Error('the Redis URL has a user without a password')
  return { username: colon === 0 ? undefined : decode(text.slice(0, colon)), password: decode(text.slice(colon + 1)) }
}

function parseSignIn(text: string | undefined): { username: string; password: undefined } {
  if (text?.includes(':')) throw new Error('the Redis URL has a password: with REDIS_ENTRA the token takes its place')
  const username = decode(text ?? '')
  if (!/^[\x21-\x7e]{1,128}$/.test(username)) throw new Error('the Redis URL names nobody who signs in: rediss://<object id of the identity>@host:port')
  return { username, password: undefined }
}

function parseDb(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  if (!/^\d{1,5}$/.test(text)) throw new Error('the Redis URL has a database that is not a number')
  return Number(text)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('the Redis URL has a percent sign that encodes nothing: write it as %25')
  }
}
