// fast-check with one seed for every run of the suite, so that a change is judged by itself and not by chance; `npm run fuzz` has a new one each time.
import fc from 'fast-check'

if (process.env.FUZZ_RUNS === undefined) fc.configureGlobal({ seed: 20_261_122 })

export { fc }
