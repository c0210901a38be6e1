// What Container Apps and App Service give an app for its managed identity: an address on its own machine that answers with tokens, and a header that it wants to see.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface IdentityEndpoint {
  /** As the app has it. */
  readonly env: Readonly<Record<string, string>>
  /** The questions, with resource and client id in their query. */
  readonly asked: readonly URL[]
  stop(): Promise<void>
}

const HEADER = 'header-of-the-app'
const DAY_S = 86_400

/** Answers with this token, good for a day. */
export async function startIdentityEndpoint(token: string): Promise<IdentityEndpoint> {
  const asked: URL[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const known = request.headers['x-identity-header'] === HEADER
    asked.push(url)
    const answer = { access_token: token, expires_on: Math.floor(Date.now() / 1000) + DAY_S, resource: url.searchParams.get('resource'), token_type: 'Bearer' }
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' }).end(JSON.stringify(known ? answer : { error: 'no' }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    env: { IDENTITY_ENDPOINT: `http://127.0.0.1:${port}/msi/token`, IDENTITY_HEADER: HEADER },
    asked,
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
