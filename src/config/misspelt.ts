// Finds variables that were likely meant for the relay and are misspelt. It leaves everything else in a container's environment alone.
import type { Environment, Problems } from './environment.js'
import { VARIABLES, type VariableName, variableNames } from './variables.js'

/** No other program's variables begin like this. An unknown one is a mistake, however far it is from a known one. */
const OWN_PREFIXES = ['JWT_', 'JWKS_', 'AZURE_OPENAI_', 'CLIENT_MAY_']
/** Kubernetes sets these for every Service, whatever its name. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT)(_|$)|_PORT(_\d+_(TCP|UDP|SCTP)(_|$)|$)/

/** `used` has the names that tools or upstreams refer to as `${NAME}`. */
export function reportUnknown(env: Environment, used: ReadonlySet<string>, problems: Problems): void {
  const known = new Set<string>(variableNames.flatMap((name) => (VARIABLES[name].file ? [name, `${name}_FILE`] : [name])))
  const candidates = [...known]
  for (const name of Object.keys(env)) {
    if (known.has(name) || used.has(name) || used.has(name.replace(/_FILE$/, '')) || (env[name] ?? '').trim() === '') continue
    const own = OWN_PREFIXES.some((prefix) => name.startsWith(prefix)) && !SERVICE_LINK.test(name)
    const near = nearest(name, candidates) ?? sameWords(name, candidates, own)
    if (near !== undefined) problems.add(name, `is not known: did you mean ${near}?`)
    else if (own) problems.add(name, 'is not known, and its name begins like one of the relay’s own: remove it, or see the table of variables for the right name')
  }
}

/** Names that people know from elsewhere. */
const KNOWN_ELSEWHERE: Readonly<Record<string, VariableName>> = {
  AZURE_OPENAI_API_BASE: 'AZURE_OPENAI_ENDPOINT',
  AZURE_OPENAI_BASE_URL: 'AZURE_OPENAI_ENDPOINT',
  AZURE_OPENAI_RESOURCE: 'AZURE_OPENAI_ENDPOINT',
  AZURE_OPENAI_URL: 'AZURE_OPENAI_ENDPOINT',
  AZURE_OPENAI_MODEL: 'AZURE_OPENAI_DEPLOYMENT',
}
/** Words that begin no other program's variables of the kind that is looked for. */
const FAMILIES = new Set(['AZURE', 'OPENAI', 'JWT', 'JWKS'])

/** The same letters without underscores (`LOGLEVEL`), or a word left out (`AZURE_OPENAI_KEY`) or added (`AZURE_OPENAI_DEPLOYMENT_NAME`). */
function sameWords(name: string, candidates: readonly string[], own: boolean): string | undefined {
  if (Object.hasOwn(KNOWN_ELSEWHERE, name)) return KNOWN_ELSEWHERE[name]
  const letters = name.replaceAll('_', '')
  const squeezed = candidates.find((known) => known.includes('_') && known.replaceAll('_', '') === letters)
  if (squeezed !== undefined) return squeezed
  const words = name.split('_')
  if (words.length < 2 || !FAMILIES.has(words[0] ?? '')) return undefined
  return candidates.find((known) => isShortened(words, known.split('_')) || (own && isShortened(known.split('_'), words)))
}

/** Whether `short` is `long` without one of its words, the first aside. */
function isShortened(short: readonly string[], long: readonly string[]): boolean {
  return short.length === long.length - 1 && long.some((_, left) => left > 0 && long.every((word, index) => index === left || word === short[index < left ? index : index - 1]))
}

/** Within two edits. Within one for short names, since ordinary words come close to those. */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  for (const limit of [1, 2]) {
    const found = candidates.find(
      (known) => known.length >= (limit === 1 ? 5 : 8) && Math.abs(known.length - name.length) <= limit && distance(name, known, limit) <= limit && sameFamily(name, known),
    )
    if (found !== undefined) return found
  }
  return undefined
}

/** The first word may have one edit: `SSL_CERT_FILE` is OpenSSL's own and no misspelt `TLS_CERT_FILE`. */
function sameFamily(name: string, known: string): boolean {
  return distance(name.split('_', 1)[0] ?? '', known.split('_', 1)[0] ?? '', 1) <= 1
}

/** Counts the edits between two names: insertions, deletions, replacements, swaps of neighbours. Stops above `limit`, since an environment has many names. */
export function distance(a: string, b: string, limit: number): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let best = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (before[j - 2] ?? 0) + 1)
      next.push(best)
    }
    before = row
    row = next
    if (Math.min(...before, ...row) > limit) return limit + 1
  }
  return row[b.length] ?? 0
}
