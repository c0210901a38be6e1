// Dials one Azure endpoint in a process of its own, since Node reads NODE_EXTRA_CA_CERTS only at start, and prints the result.
import { Secret } from '../../src/config/secret.js'
import { createUpstream } from '../../src/upstream/provider.js'

const endpoint = new URL(process.argv[2] ?? '')
const upstream = createUpstream(
  { name: 'tls', provider: 'azure', endpoint, deployment: 'd', apiKey: new Secret('k'), entraScope: '', apiVersion: undefined, priority: 1, weight: 1 },
  { connectTimeoutMs: 5_000, pingIntervalMs: 20_000, maxPayloadBytes: 1 << 20, log: { warn: () => undefined } },
)
try {
  const { link } = await upstream.dial({ correlationId: 'c', signal: new AbortController().signal })
  console.log('connected')
  link.close(1000, '')
} catch (error) {
  console.log((error as Error).message)
}
await upstream.close()
