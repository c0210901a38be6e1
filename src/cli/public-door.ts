// Knocks at the relay's public address as a carrier would, and says what answered: the relay, a proxy, something else, or nothing.
import { lookup } from 'node:dns/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { isPrivateAddress } from '../tools/private-address.js'
import { failureWords } from './reach.js'

const ANSWER_MS = 10_000
const MAX_BODY_BYTES = 16_384
const DAY_MS = 86_400_000

export interface Knock {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Asks for a WebSocket. */
  readonly upgrade?: boolean
}

export interface Answer {
  /** 101: a WebSocket was opened, and closed at once. */
  readonly status: number
  /** At most 16 KiB. Of others: never printed. */
  readonly body: string
  /** Of a certificate that was accepted. */
  readonly certificateDays: number | undefined
}

/** `failed` completes "host …". */
export function knock(url: URL, { method = 'GET', headers = {}, body, upgrade = false }: Knock = {}): Promise<Answer | { readonly failed: string }> {
  return new Promise((resolve) => {
    const asking = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method,
      agent: false,
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: {
        ...headers,
        ...(upgrade && { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': Buffer.alloc(16, 1).toString('base64') }),
        ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
      },
    })
    let certificateDays: number | undefined
    asking.on('socket', (socket) => {
      socket.once('secureConnect', () => {
        const until = (socket as TLSSocket).getPeerCertificate().valid_to
        if (until) certificateDays = Math.floor((Date.parse(until) - Date.now()) / DAY_MS)
      })
    })
    asking.on('upgrade', (response, socket) => {
      socket.on('error', () => undefined)
      socket.destroy()
      resolve({ status: response.statusCode ?? 0, body: '', certificateDays })
    })
    asking.on('response', (response) => {
      const parts: Buffer[] = []
      let bytes = 0
      const finish = () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8'), certificateDays })
        asking.destroy()
      }
      response.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes > MAX_BODY_BYTES) finish()
        else parts.push(part)
      })
      response.on('end', finish).on('error', finish)
    })
    asking.on('error', (error) => resolve({ failed: error.name === 'AbortError' ? 'does not answer in time' : failureWords(error) }))
    asking.end(body)
  })
}

/** True if this machine knows the name by private addresses only. False as well if it does not know it. */
export async function isPrivateHere(hostname: string): Promise<boolean> {
  const bare = hostname.replace(/^\[|\]$/g, '')
  if (isIP(bare)) return isPrivateAddress(bare)
  const found = await lookup(bare, { all: true }).catch(() => [])
  return found.length > 0 && found.every(({ address }) => isPrivateAddress(address))
}

export interface Expected {
  /** What the relay answers at this path to whoever has no proof. */
  readonly refusals: readonly number[]
  readonly upgrade: boolean
  /** The setting without which the relay does not have this path. */
  readonly setting: string
}

/** What an answer to a request without a proof means. `advice` undefined: it is as it should be. */
export function judgeRefusal(status: number, { refusals, upgrade, setting }: Expected): { readonly says: string; readonly advice?: string } {
  if (refusals.includes(status)) return { says: `refuses whoever has no proof (HTTP ${status})` }
  const says = `answers HTTP ${status}`
  if (status === 101) return { says: 'opens a WebSocket for somebody without a proof', advice: 'That is not this relay, or not this version of it. Do not send calls there.' }
  if (status === 404)
    return { says, advice: `The relay that answers there has no such path: it runs without ${setting}, or it is an older version, or a proxy does not pass on /telephony.` }
  if (status >= 300 && status < 400) return { says, advice: 'That is a redirect, which no carrier follows. Give PUBLIC_URL as the address that it leads to.' }
  if (status >= 500) return { says, advice: 'A proxy stands there, and does not reach the relay behind it. Look at its upstream and its time-outs.' }
  if (upgrade && (status === 200 || status === 400 || status === 426))
    return { says: `${says} to a WebSocket upgrade`, advice: 'A proxy drops the upgrade. Have it speak HTTP/1.1 to the relay, and pass on the headers Upgrade and Connection.' }
  return { says, advice: 'Something answers there that is not the relay, such as a log-in page or a firewall. Let /telephony/ through to the relay as it is.' }
}
