// The browser kit in Firefox: run by `npm run test:firefox`, apart from the suite, since few machines have one.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/firefox/*.spec.ts'],
    testTimeout: 40_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 1,
    reporters: ['default'],
  },
})
