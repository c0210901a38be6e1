// Decides which connections go through a company's proxy: HTTPS_PROXY and HTTP_PROXY by scheme, NO_PROXY by host, in upper or lower case.
import { BlockList, isIP } from 'node:net'
import type { ProxyConfig, ProxyRoutes } from './config.js'
import type { Environment, EnvReader, Problems } from './environment.js'
import { proxyAddress } from './parse.js'

/** The lower-case names win, as with curl: some systems let a request set `HTTP_PROXY`. */
export function readProxies(env: EnvReader, record: Environment, problems: Problems): ProxyRoutes {
  const proxy = (name: 'HTTPS_PROXY' | 'HTTP_PROXY'): ProxyConfig | undefined => {
    const setting = name.toLowerCase()
    const lower = record[setting]?.trim()
    if (!lower) {
      const upper = env.get(name)
      return upper && { ...upper, setting: name }
    }
    const parsed = proxyAddress(lower)
    if ('value' in parsed) return { ...parsed.value, setting }
    problems.add(setting, parsed.problem)
    return undefined
  }
  return { https: proxy('HTTPS_PROXY'), http: proxy('HTTP_PROXY'), except: (record.no_proxy?.trim() || env.get('NO_PROXY') || '').split(/[\s,]+/).filter((entry) => entry !== '') }
}

/** Undefined: the host is dialled directly. `ws` counts as `http`, and `wss` as `https`. */
export function proxyFor(url: URL, { https, http, except }: ProxyRoutes): ProxyConfig | undefined {
  const secure = url.protocol === 'https:' || url.protocol === 'wss:'
  const proxy = secure ? https : http
  if (!proxy) return undefined
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase()
  const port = url.port || (secure ? '443' : '80')
  return isOwn(host) || except.some((entry) => isExcepted(entry.toLowerCase(), host, port)) ? undefined : proxy
}

const OWN = new BlockList()
OWN.addSubnet('127.0.0.0', 8, 'ipv4')
OWN.addAddress('::1', 'ipv6')
// Where a cloud tells a machine about itself: what a proxy would answer is about the proxy's machine.
OWN.addSubnet('169.254.0.0', 16, 'ipv4')

/** This machine itself. A proxy would take it for its own. */
function isOwn(host: string): boolean {
  const family = isIP(host)
  return family === 0 ? host === 'localhost' || host.endsWith('.localhost') : OWN.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

/** `*`, `host`, `.domain`, `*.domain`, each also with a port, an address, or a range. A name stands for its subdomains as well. */
function isExcepted(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return isInRange(entry, host)
  const [, name = '', only] = /^(\[[^\]]*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/.exec(entry) ?? []
  if (only !== undefined && only !== port) return false
  const bare = name.replace(/^\[|\]$/g, '').replace(/^\*?\./, '')
  return bare !== '' && (host === bare || (isIP(host) === 0 && host.endsWith(`.${bare}`)))
}

function isInRange(range: string, host: string): boolean {
  const [address = '', prefix = ''] = range.split('/')
  const family = isIP(address)
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(prefix) || Number(prefix) > (family === 4 ? 32 : 128)) return false
  const list = new BlockList()
  list.addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6')
  return list.check(host, family === 4 ? 'ipv4' : 'ipv6')
}
