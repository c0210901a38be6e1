// Runs the contract of tool sources against all four sources.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createHttpSource, type HttpToolConfig } from '../../src/tools/http.js'
import { createModuleSource } from '../../src/tools/local.js'
import { createMcpSource } from '../../src/tools/mcp.js'
import { CONTRACT_MAX_BYTES, CONTRACT_SECRET, toolSourceContract } from '../contract/tool-source.js'
import { fixtureState, startHttpFixture } from './mcp-fixture.js'
import { testOptions } from './tool-context.js'

const TOOLS = ['echo', 'fail', 'big', 'hang', 'when_hanging', 'when_aborted']
const options = testOptions({ maxBytes: CONTRACT_MAX_BYTES })

toolSourceContract('http', async () => {
  let hanging = () => {}
  let aborted = () => {}
  const whenHanging = new Promise<void>((resolve) => {
    hanging = resolve
  })
  const whenAborted = new Promise<void>((resolve) => {
    aborted = resolve
  })
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://x')
    response.setHeader('content-type', 'text/plain')
    if (url.pathname === '/echo') response.end(url.searchParams.get('text'))
    else if (url.pathname === '/fail') response.writeHead(500).end(CONTRACT_SECRET)
    else if (url.pathname === '/big') response.end('é'.repeat(2_500_000))
    else if (url.pathname === '/when_hanging') whenHanging.then(() => response.end('yes'))
    else if (url.pathname === '/when_aborted') whenAborted.then(() => response.end('yes'))
    else if (url.pathname === '/hang') {
      response.once('close', aborted)
      hanging()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const configs = TOOLS.map(
    (name): HttpToolConfig => ({
      kind: 'http',
      definition: { type: 'function', name },
      run: { method: 'GET', url: `${origin}/${name}`, headers: {}, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false },
    }),
  )
  const source = createHttpSource(configs, options)
  return {
    source,
    name: (tool) => tool,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
})

toolSourceContract('module', async () => {
  const file = './test/tools/module-fixture.mjs'
  const configs = TOOLS.map((name) => ({ kind: 'module' as const, definition: { type: 'function' as const, name }, file, exportName: name, timeoutMs: undefined }))
  return { source: await createModuleSource(configs, options), name: (tool) => tool, close: async () => {} }
})

toolSourceContract('mcp over http', async () => {
  const server = await startHttpFixture(fixtureState())
  const source = await createMcpSource({ kind: 'mcp', label: 'fix', transport: { url: server.url, headers: {} }, allowedTools: undefined }, options, () => {})
  return { source, name: (tool) => `fix__${tool}`, close: server.close }
})

toolSourceContract('mcp over stdio', async () => {
  const transport = { command: process.execPath, args: ['--import', 'tsx', fileURLToPath(new URL('./mcp-fixture.ts', import.meta.url))], env: {} }
  const source = await createMcpSource({ kind: 'mcp', label: 'fix', transport, allowedTools: TOOLS }, options, () => {})
  return { source, name: (tool) => `fix__${tool}`, close: async () => {} }
})
