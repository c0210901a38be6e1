// Keeps label values plain and few: what a peer can choose must not become a new time series each time.

/** Distinct values a label may take before the rest counts as `other`. */
const MAX_VALUES = 200
const PLAIN = /^[A-Za-z0-9_.:-]{1,64}$/

/** Returns a function that passes known values on and turns odd ones, and those beyond the bound, into `other`. */
export function createBoundedLabel(): (value: string) => string {
  const seen = new Set<string>()
  return (value) => {
    if (seen.has(value)) return value
    if (!PLAIN.test(value) || seen.size >= MAX_VALUES) return 'other'
    seen.add(value)
    return value
  }
}

/** For words from code that are phrases: `tool output` becomes `tool_output`. */
export function wordLabel(text: string): string {
  return text.replace(/\s+/g, '_')
}
