// Carries a secret from the configuration to the part that uses it. Anything that prints it prints [secret].

/** Only `audit/`, `records/`, `upstream/`, `auth/`, `tools/`, `guards/`, `store/redis/`, `ops/tracing/` and `ingress/phone/` call `.reveal()`: `test/architecture.test.ts` checks that. */
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
