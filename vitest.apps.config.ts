// The first apps, installed, built and used as their developers would: run by `npm run test:apps`, apart from the quick suite.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/first-apps/*.test.ts'],
    globalSetup: ['test/first-apps/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default'],
  },
})
