// A tiny balancer: TCP connections go to the relays that say they are ready, in turn.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Balancer {
  readonly wsUrl: string
  /** Looks at the relay from now on, and resolves once it is ready. */
  add(url: string): Promise<void>
  remove(url: string): void
  close(): void
}

const LOOK_MS = 50

export async function startBalancer(): Promise<Balancer> {
  const ready = new Map<string, boolean>()
  const sockets = new Set<Socket>()
  let turn = 0
  const server = createServer((client) => {
    const urls = [...ready].filter(([, isReady]) => isReady).map(([url]) => url)
    const url = urls[turn++ % urls.length]
    sockets.add(client)
    client.on('error', () => undefined).on('close', () => sockets.delete(client))
    if (url === undefined) return client.destroy()
    const relay = connect(Number(new URL(url).port), '127.0.0.1')
    relay.on('error', () => client.destroy()).on('close', () => client.destroy())
    client.on('close', () => relay.destroy())
    client.pipe(relay).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const look = async (url: string) => {
    const isReady = await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (ready.has(url)) ready.set(url, isReady)
    return isReady
  }
  const timer = setInterval(() => {
    for (const url of ready.keys()) void look(url)
  }, LOOK_MS)
  return {
    wsUrl: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async add(url) {
      ready.set(url, false)
      while (!(await look(url))) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    },
    remove: (url) => void ready.delete(url),
    close() {
      clearInterval(timer)
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
