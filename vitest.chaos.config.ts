// Upstreams killed by the thousand: run by `npm run test:chaos`, apart from the quick suite.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/chaos/*.test.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // What is measured is one relay.
    maxWorkers: 1,
    reporters: ['default'],
  },
})
