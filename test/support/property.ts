// fast-check with the same seed in every run of the suite, so that a result never depends on chance. `npm run fuzz` uses a new seed each time.
import fc from 'fast-check'

if (process.env.FUZZ_RUNS === undefined) fc.configureGlobal({ seed: 20_261_122 })

export { fc }
