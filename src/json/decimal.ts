// Compares and divides decimal numbers by their digits, so that no rounding decides.

/** The value of a JSON number: `digits` × 10^`exponent`. */
export interface Decimal {
  readonly negative: boolean
  /** Without zeros at either end; empty for zero. */
  readonly digits: string
  readonly exponent: number
  /** Equal for equal values. */
  readonly text: string
}

/** Takes the text of a JSON number, or what `String` makes of a finite one. */
export function decimalOf(text: string): Decimal {
  const [, sign = '', whole = '', fraction = '', power = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const all = (whole + fraction).replace(/^0+/, '')
  const digits = withoutEnd(all)
  const exponent = digits === '' ? 0 : Number(power) - fraction.length + (all.length - digits.length)
  const negative = sign === '-' && digits !== ''
  return { negative, digits, exponent, text: `${negative ? '-' : ''}${digits}e${exponent}` }
}

/** A pattern for zeros at the end would look again from each of them. */
function withoutEnd(digits: string): string {
  let end = digits.length
  while (end > 0 && digits[end - 1] === '0') end--
  return digits.slice(0, end)
}

export function isWhole({ exponent }: Decimal): boolean {
  return exponent >= 0
}

/** Below, at or above zero, as `a` is less than, equal to or more than `b`. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const [signA, signB] = [signOf(a), signOf(b)]
  if (signA !== signB) return signA - signB
  return signA * compareSizes(a, b)
}

function signOf({ negative, digits }: Decimal): number {
  return digits === '' ? 0 : negative ? -1 : 1
}

function compareSizes(a: Decimal, b: Decimal): number {
  const places = a.digits.length + a.exponent - (b.digits.length + b.exponent)
  if (places !== 0) return places
  const length = Math.max(a.digits.length, b.digits.length)
  const [left, right] = [a.digits.padEnd(length, '0'), b.digits.padEnd(length, '0')]
  return left === right ? 0 : left < right ? -1 : 1
}

/** Bound the exponents before: the work grows with their difference. */
export function isMultiple(value: Decimal, of: Decimal): boolean {
  if (value.digits === '') return true
  if (of.digits === '') return false
  const lowest = Math.min(value.exponent, of.exponent)
  return whole(value, lowest) % whole(of, lowest) === 0n
}

function whole({ digits, exponent }: Decimal, lowest: number): bigint {
  return BigInt(digits) * 10n ** BigInt(exponent - lowest)
}

/** Of a whole number. Bound the exponent before. */
export function bigIntOf(value: Decimal): bigint {
  return (value.negative ? -1n : 1n) * whole(value, 0)
}
