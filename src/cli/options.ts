// Reads the options of a command. A mistake names the word that was not understood, and what would be right.
import { parseArgs } from 'node:util'
import { type CommandName, nearest, UsageError } from './commands.js'

type Option = { type: 'string'; default?: string } | { type: 'string'; multiple: true } | { type: 'boolean' }
type Values<T extends Record<string, Option>> = { [K in keyof T]?: T[K]['type'] extends 'boolean' ? boolean : T[K] extends { multiple: true } ? string[] : string }

/** Throws a `UsageError`. Words that belong to no option are a mistake unless `words` says how many there may be. */
export function options<T extends Record<string, Option>>(command: CommandName, args: readonly string[], spec: T, words = 0): { values: Values<T>; words: readonly string[] } {
  const known = Object.keys(spec).map((name) => `--${name}`)
  const right = known.length > 0 ? `Known options: ${known.join(', ')}.` : 'It takes no option.'
  const { tokens } = parseArgs({ args: [...args], options: spec, strict: false, allowPositionals: true, tokens: true })
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const typed = token.rawName.slice(0, 40)
    const option = spec[token.name]
    if (!option || !token.rawName.startsWith('--')) {
      const near = nearest(typed, known)
      throw new UsageError(`${typed} is not known.${near ? ` Did you mean ${near}?` : ''} ${right}`, command)
    }
    if (option.type === 'boolean' && token.value !== undefined) throw new UsageError(`${typed} takes no value.`, command)
    // A value that looks like an option was most likely forgotten.
    if (option.type === 'string' && (token.value === undefined || (!token.inlineValue && token.value.startsWith('--')))) throw new UsageError(`${typed} needs a value.`, command)
  }
  const { values, positionals } = parseArgs({ args: [...args], options: spec, strict: false, allowPositionals: true })
  const extra = positionals[words]
  if (extra !== undefined) throw new UsageError(`${JSON.stringify(extra.slice(0, 40))} is one word too many. ${right}`, command)
  return { values: values as Values<T>, words: positionals }
}

export function required(command: CommandName, value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw new UsageError(`${name} is missing.`, command)
  return value
}

/** `90`, `90s`, `10m`, `2h` or `7d`, in seconds. */
export function seconds(command: CommandName, text: string): number {
  const match = /^(\d{1,7})(s|m|h|d)?$/.exec(text)
  if (!match) throw new UsageError('--ttl must look like 90s, 10m, 2h or 7d.', command)
  return Number(match[1]) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[match[2] ?? 's'] ?? 1)
}
