// Faults injected into real processes: run by `npm run test:faults`, apart from the quick suite.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/faults/*.test.ts'],
    globalSetup: ['test/faults/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // What is measured is one relay under one fault, not several beside each other.
    maxWorkers: 1,
    reporters: ['default'],
  },
})
