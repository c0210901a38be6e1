// A guard's service on loopback that does what the text asks for: it answers, hangs, drips, floods, redirects, or lies.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const SECRET_WORDS = 'hunter2-what-somebody-said'

export interface Received {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Record<string, unknown>
}

export interface HostileHttp {
  readonly url: URL
  readonly received: Received[]
  /** Requests whose connection was gone before the answer's end. */
  readonly abandoned: () => number
  /** Requests that followed a redirect. */
  readonly followed: () => number
  /** Resolves when so many requests have come. */
  seen(count: number): Promise<void>
  close(): Promise<void>
}

export type Misbehave = (text: string, response: ServerResponse) => boolean

/** `answer` gets what was asked honestly, and returns status and body. It is sent after `delayMs`. */
export async function startHostileHttp(answer: (asked: Received, text: string) => { readonly status?: number; readonly body: unknown }, delayMs = 0): Promise<HostileHttp> {
  const received: Received[] = []
  const waiting: { readonly count: number; readonly done: () => void }[] = []
  let abandoned = 0
  let followed = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (request.url === '/elsewhere') {
        followed++
        return response.end('{"blocked":false}')
      }
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
      const asked = { path: request.url ?? '', headers: request.headers, body }
      received.push(asked)
      for (const one of waiting) if (received.length >= one.count) one.done()
      response.on('close', () => {
        if (!response.writableEnded) abandoned++
      })
      const text = textOf(body)
      if (misbehave(text, response)) return
      const { status = 200, body: told } = answer(asked, text)
      const tell = () => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(told))
      if (delayMs > 0) setTimeout(tell, delayMs)
      else tell()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/check`),
    received,
    abandoned: () => abandoned,
    followed: () => followed,
    seen: (count) => new Promise((resolve) => (received.length >= count ? resolve() : waiting.push({ count, done: resolve }))),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function textOf({ text, userPrompt, documents }: Record<string, unknown>): string {
  return [text, userPrompt, ...(Array.isArray(documents) ? documents : [])].filter((one) => typeof one === 'string').join(' ')
}

function misbehave(text: string, response: ServerResponse): boolean {
  const json = { 'content-type': 'application/json' }
  if (text.includes('HANG')) return true
  if (text.includes('DRIP')) {
    response.writeHead(200, json)
    const timer = setInterval(() => response.write(' '), 5)
    response.on('close', () => clearInterval(timer))
    return true
  }
  if (text.includes('RESET')) response.socket?.resetAndDestroy()
  else if (text.includes('429')) response.writeHead(429, { 'retry-after': '1' }).end(SECRET_WORDS)
  else if (text.includes('500')) response.writeHead(500).end(SECRET_WORDS)
  else if (text.includes('GARBAGE')) response.writeHead(200, json).end(`{"blocked":fal ${SECRET_WORDS}`)
  else if (text.includes('NOTHING')) response.writeHead(200, json).end('{}')
  else if (text.includes('WRONG')) response.writeHead(200, json).end('{"blocked":"false","categoriesAnalysis":"none","userPromptAnalysis":7}')
  else if (text.includes('REDIRECT')) response.writeHead(307, { location: '/elsewhere' }).end()
  else if (text.includes('HUGE')) response.writeHead(200, json).end(`{"blocked":false,"category":"${'x'.repeat(4_000_000)}"}`)
  else if (text.includes('SHORT')) {
    response.writeHead(200, { ...json, 'content-length': '500' }).write('{"blocked":false')
    response.socket?.destroySoon()
  } else return false
  return true
}

/** The texts at which a service gives no usable answer, with the word for each. */
export const FAILING: readonly (readonly [text: string, reason: string])[] = [
  ['RESET', 'unreachable'],
  ['429', 'status_429'],
  ['500', 'status_500'],
  ['GARBAGE', 'answer_is_no_json'],
  ['REDIRECT', 'redirect'],
  ['HUGE', 'answer_too_big'],
  ['SHORT', 'answer_broken_off'],
]

/** These settle only when the time is over. */
export const ENDLESS: readonly string[] = ['HANG', 'DRIP']
