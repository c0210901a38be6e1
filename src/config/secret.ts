// A secret on its way from configuration to its one user: prints as [secret] everywhere else.

/** `.reveal()` is called in `upstream/`, `auth/`, `tools/` and `limits/redis*.ts` only; `test/architecture.test.ts` checks that. */
export class Secret {
  readonly #value: string
  constructor(value: string) {
    this.#value = value
  }
  reveal(): string {
    return this.#value
  }
  toString(): string {
    return '[secret]'
  }
  toJSON(): string {
    return '[secret]'
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]'
  }
}
