// What looks at a relay that shows everything: a sink that takes OTLP, a scraper of its metrics, and an operator who watches its page. A process of its own.
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { obey } from './rpc.js'

export type OnlookerCommands = {
  /** Its port takes every export. */
  listen(args: object): Promise<{ readonly port: number }>
  /** Scrapes once a second, and reads the live pictures, until the relay is gone. */
  watch(args: { readonly adminPort: number; readonly token: string }): void
  /** What has come since the question before. */
  seen(args: object): { readonly exports: number; readonly scrapes: number; readonly pictureBytes: number }
}

const SCRAPE_MS = 1000
const counts = { exports: 0, scrapes: 0, pictureBytes: 0 }

function read(adminPort: number, path: string, headers: Record<string, string>, take: (response: IncomingMessage) => void, over: () => void): void {
  get({ host: '127.0.0.1', port: adminPort, path, headers }, take).on('error', over)
}

obey<OnlookerCommands>({
  listen: () => {
    const sink = createServer((request, response) => {
      request.resume().on('end', () => {
        counts.exports++
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
      })
    })
    return new Promise((resolve) => sink.listen(0, '127.0.0.1', () => resolve({ port: (sink.address() as AddressInfo).port })))
  },
  watch({ adminPort, token }) {
    const stop = () => clearInterval(timer)
    const scraped = (response: IncomingMessage) => response.resume().on('end', () => counts.scrapes++)
    const timer = setInterval(() => read(adminPort, '/metrics', {}, scraped, stop), SCRAPE_MS)
    const pictures = (response: IncomingMessage) => {
      response.on('data', (chunk: Buffer) => {
        counts.pictureBytes += chunk.length
      })
      response.on('error', () => undefined)
    }
    read(adminPort, '/v1/admin/live', { authorization: `Bearer ${token}` }, pictures, () => undefined)
  },
  seen() {
    const now = { ...counts }
    Object.assign(counts, { exports: 0, scrapes: 0, pictureBytes: 0 })
    return now
  },
})
