// Faults injected into real processes: run by `npm run test:faults`, apart from the quick suite. `FAULTS=quick` runs those of a few seconds.
import { defineConfig } from 'vitest/config'

const QUICK = ['02', '04', '16', '42']

export default defineConfig({
  test: {
    include: process.env.FAULTS === 'quick' ? QUICK.map((number) => `test/faults/${number}-*.test.ts`) : ['test/faults/*.test.ts'],
    globalSetup: ['test/faults/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // What is measured is one relay under one fault, not several beside each other.
    maxWorkers: 1,
    reporters: ['default'],
  },
})
