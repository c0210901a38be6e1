// The error of a configuration that cannot be used: every mistake at once, in one format.

/** One line for each mistake: the variable, what is wrong, what would be right. A line never quotes a value that may be secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  constructor(readonly problems: readonly string[]) {
    super(`The configuration has ${problems.length === 1 ? 'one mistake' : `${problems.length} mistakes`}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
  }
}
