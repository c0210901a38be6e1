// Serves a page for a browser test on loopback, with one script that is bundled in memory.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export interface PageServer {
  readonly origin: string
  close(): Promise<void>
}

/** `script` is the source of a module; it may import packages of the project. */
export async function servePage(script: string): Promise<PageServer> {
  const resolveDir = fileURLToPath(new URL('.', import.meta.url))
  const bundle = await build({ stdin: { contents: script, resolveDir, loader: 'ts' }, bundle: true, write: false, format: 'esm', platform: 'browser', logLevel: 'error' })
  const files = new Map([
    ['/', { type: 'text/html', body: '<!doctype html><link rel="icon" href="data:," /><script type="module" src="page.js"></script>' }],
    ['/page.js', { type: 'text/javascript', body: bundle.outputFiles[0]?.text ?? '' }],
  ])
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? '')
    response.writeHead(file ? 200 : 404, { 'content-type': file?.type ?? 'text/plain' }).end(file?.body ?? '')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
