// Real client libraries against the real server: run by `npm run test:clients`, apart from the quick suite.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Read by Node when a process starts: the workers and the children they start trust the relay's certificate by it.
process.env.NODE_EXTRA_CA_CERTS = fileURLToPath(new URL('./test/support/tls/localhost-cert.pem', import.meta.url))

export default defineConfig({
  test: {
    include: ['test/clients/*.spec.ts', 'test/clients/python/*.spec.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default'],
  },
})
