// A company's forward proxy on loopback: CONNECT and plain requests, a password if asked for, and names that only it knows.
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'

export interface ForwardProxy {
  /** `http://127.0.0.1:port`, with the credential if it asks for one. */
  readonly url: string
  /** What it was asked for, in order: `CONNECT host:port`, or `GET http://host/path`. */
  readonly asked: readonly string[]
  /** Sockets that are open now, on both sides. */
  readonly open: number
  close(): Promise<void>
}

export interface ProxyOptions {
  /** `user:password`. Without it the answer is 407. */
  readonly credential?: string
  /** Ports of this machine by the name that a request has. Other names are not found, which the proxy answers with 502. */
  readonly hosts?: Readonly<Record<string, number>>
  /** The relay speaks TLS with the proxy itself too. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
  /** Takes a CONNECT and never answers. */
  readonly silent?: boolean
}

export async function startForwardProxy(options: ProxyOptions = {}): Promise<ForwardProxy> {
  const { credential, hosts = {}, silent = false } = options
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  }
  const allowed = (header: string | undefined) => credential === undefined || header === `Basic ${Buffer.from(credential).toString('base64')}`
  const portOf = (host: string) => (Object.hasOwn(hosts, host) ? hosts[host] : undefined)

  const server = options.tls ? createTlsServer(options.tls) : createServer()
  server.on('request', (incoming, answer) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    const url = new URL(incoming.url ?? '')
    const port = portOf(url.hostname)
    if (!allowed(incoming.headers['proxy-authorization'])) return void answer.writeHead(407).end()
    if (port === undefined) return void answer.writeHead(502).end()
    const onward = request({ host: '127.0.0.1', port, method: incoming.method, path: url.pathname + url.search, headers: { ...incoming.headers, host: url.host } }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(answer)
    })
    incoming.pipe(onward.on('error', () => answer.destroy()))
  })
  server.on('connection', keep)
  server.on('connect', (incoming, client: Socket, head: Buffer) => {
    asked.push(`CONNECT ${incoming.url}`)
    if (silent) return void client.on('end', () => client.destroy()).resume()
    const port = portOf((incoming.url ?? '').replace(/:\d+$/, ''))
    if (!allowed(incoming.headers['proxy-authorization'])) return void client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    if (port === undefined) return void client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    const target = keep(connect(port, '127.0.0.1'))
    target.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      target.write(head)
      client.pipe(target).pipe(client)
    })
    target.on('error', () => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `${options.tls ? 'https' : 'http'}://${credential === undefined ? '' : `${credential}@`}127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    get open() {
      return sockets.size
    },
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
