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

/** Makes a label of a phrase in our code: `tool output` becomes `tool_output`. */
export function wordLabel(text: string): string {
  return text.replace(/\s+/g, '_')
}
