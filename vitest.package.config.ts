// The package as users get it: packed, installed from the registry into an empty folder, and run. Run by `npm run test:package`, apart from the suite.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/package/*.spec.ts'],
    // Packing and installing come first, and take a minute or two.
    testTimeout: 60_000,
    hookTimeout: 360_000,
    pool: 'forks',
    maxWorkers: 1,
    reporters: ['default'],
  },
})
