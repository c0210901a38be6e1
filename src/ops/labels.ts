// Keeps label values plain and few: a value that a peer chooses must not create time series without bound.

/** Distinct values a label may take before the rest counts as `other`. */
const MAX_VALUES = 200
const PLAIN = /^[A-Za-z0-9_.:-]{1,64}$/

/** Returns a function that keeps up to `MAX_VALUES` plain values and turns every other value into `other`. */
export function createBoundedLabel(): (value: string) => string {
  const seen = new Set<string>()
  return (value) => {
    if (seen.has(value)) return value
    if (!PLAIN.test(value) || seen.size >= MAX_VALUES) return 'other'
    seen.add(value)
    return value
  }
}

/** The same for phrases in our code, which become words first. */
export function createPhraseLabel(): (text: string) => string {
  const label = createBoundedLabel()
  const known = new Map<string, string>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const made = label(wordLabel(text))
    if (known.size < MAX_VALUES) known.set(text, made)
    return made
  }
}

/** Makes a word of a phrase in our code: `tool output` becomes `tool_output`. */
export function wordLabel(text: string): string {
  return text.replace(/\s+/g, '_')
}
