// How many inputs the fuzzing uses: some hundred from a fixed seed in the suite, and `FUZZ_RUNS` from a new seed in `npm run fuzz`.

/** `FUZZ_RUNS` inputs per property. A failure names its seed and path; once understood, it becomes a plain test. */
export const RUNS = process.env.FUZZ_RUNS === undefined ? { numRuns: 400 } : { numRuns: Number(process.env.FUZZ_RUNS) }
/** Time limit of one property in milliseconds. */
export const PATIENCE = process.env.FUZZ_RUNS === undefined ? 60_000 : 3_600_000
