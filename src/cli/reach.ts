// Puts a failed connection into words: an unknown name, a refusal and a silence need different hands.
import { connect } from 'node:net'

const CONNECT_MS = 3000

/** What became of a connection that was opened and closed at once. Sends nothing. */
export function tryConnect(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const finish = (words: string) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(words)
    }
    const timer = setTimeout(() => finish(`does not answer within ${CONNECT_MS / 1000} s`), CONNECT_MS)
    socket.once('connect', () => finish('accepts connections')).once('error', (error) => finish(failureWords(error)))
  })
}

/** Completes "host …". Looks for the system's code in the causes of an error, and quotes no foreign text. */
export function failureWords(error: unknown): string {
  if (/unexpected redirect/i.test(messages(error))) return 'answers with a redirect, which is not followed'
  const proxied = /Proxy response \((\d{3})\)/.exec(messages(error))?.[1]
  if (proxied !== undefined) return `is refused by the proxy (HTTP ${proxied})`
  const code = codeOf(error)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'is not a known host name (DNS)'
  if (code === 'ECONNREFUSED') return 'refuses the connection'
  if (code === 'ECONNRESET') return 'ends the connection at once'
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT' || (error instanceof Error && error.name === 'TimeoutError')) return 'does not answer in time'
  if (/CERT|SIGNATURE|ISSUER|ALTNAME/.test(code)) return `has a certificate that is not trusted (${code})`
  return `cannot be reached${code === '' ? '' : ` (${code})`}`
}

function* chain(error: unknown): Generator<Error> {
  for (let one = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth++) yield one
}

function messages(error: unknown): string {
  return [...chain(error)].map(({ message }) => message).join('\n')
}

function codeOf(error: unknown): string {
  for (const one of chain(error)) if ('code' in one && typeof one.code === 'string') return one.code
  return ''
}
