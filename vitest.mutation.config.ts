// One process of a mutation run: started by `npm run mutate`, never alone.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/mutation/judge.ts'],
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    execArgv: ['--experimental-vm-modules', '--no-warnings'],
    reporters: [{}],
  },
})
