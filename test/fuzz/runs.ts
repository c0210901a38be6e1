// How long the fuzzing takes: some hundred inputs from a fixed seed in the suite, as many as asked for from a new seed by `npm run fuzz`.

/** `FUZZ_RUNS` inputs a property; a failure names its seed and path, and is kept as a plain test once understood. */
export const RUNS = process.env.FUZZ_RUNS === undefined ? { numRuns: 400 } : { numRuns: Number(process.env.FUZZ_RUNS) }
/** Milliseconds for one property. */
export const PATIENCE = process.env.FUZZ_RUNS === undefined ? 60_000 : 3_600_000
