// Keywords of JSON Schema that compare or divide numbers, by the digits that the model wrote. Ajv's own compare rounded numbers.
import type { Ajv, FuncKeywordDefinition } from 'ajv'
import { isObject } from '../core/protocol/events.js'
import { compareDecimals, type Decimal, decimalOf, isMultiple, isWhole } from '../json/decimal.js'
import { type ExactJson, type ExactObject, escaped, mapExact, numberOf } from '../json/exact-json.js'

/** What is handed to the compiled schema: plain numbers of the right kind, and by path the digits of those that stand for others. */
export interface Comparable {
  readonly plain: unknown
  readonly digits: ReadonlyMap<string, Decimal>
}

/** The first integer that no plain argument can be, since those beyond are kept as text. */
const FIRST_WHOLE = 2 ** 53
const FIRST_BROKEN = 2 ** 51 + 0.5

/** Equal numbers get one plain number, different ones different ones, so that `type` and `uniqueItems` judge rightly. */
export function comparable(args: ExactObject): Comparable {
  const digits = new Map<string, Decimal>()
  const chosen = new Map<string, number>()
  const plain = mapExact(args, (exact, path) => {
    const same = numberOf(exact)
    if (same !== undefined) return same
    const decimal = decimalOf(exact.value)
    digits.set(path, decimal)
    const known = chosen.get(decimal.text)
    if (known !== undefined) return known
    const number = isWhole(decimal) ? FIRST_WHOLE + 2 * chosen.size : FIRST_BROKEN + chosen.size
    chosen.set(decimal.text, number)
    return number
  })
  return { plain, digits }
}

/** Ajv's templates for generated code. They come from the caller, so that ajv loads with the first schema and not before. */
export type CodeWords = Pick<typeof import('ajv'), '_' | 'str'>
/** While ajv checks a schema itself, `this` is none of ours. */
type Digits = Partial<Pick<Comparable, 'digits'>> | undefined
type Test = (value: Decimal, limit: Decimal) => boolean

const BOUNDS: Readonly<Record<string, readonly [says: string, holds: Test]>> = {
  minimum: ['>=', (value, limit) => compareDecimals(value, limit) >= 0],
  maximum: ['<=', (value, limit) => compareDecimals(value, limit) <= 0],
  exclusiveMinimum: ['>', (value, limit) => compareDecimals(value, limit) > 0],
  exclusiveMaximum: ['<', (value, limit) => compareDecimals(value, limit) < 0],
}

/** Replaces the keywords. A schema compiled by this `ajv` must be called with the `digits` of a `Comparable` in its `this`; it needs the option `passContext`. */
export function compareExactly(ajv: Ajv, { _, str }: CodeWords): void {
  for (const [keyword, [says, holds]] of Object.entries(BOUNDS)) replaceKeyword(ajv, ofNumbers(keyword, `must be ${says}`, holds, str))
  replaceKeyword(ajv, ofNumbers('multipleOf', 'must be multiple of', isMultiple, str))
  replaceKeyword(ajv, {
    keyword: 'const',
    compile: (allowed: unknown) =>
      function (this: Digits, data: unknown, context) {
        return isSame(allowed, data, context?.instancePath ?? '', this)
      },
    error: { message: 'must be equal to constant', params: ({ schemaCode }) => _`{allowedValue: ${schemaCode}}` },
  })
  replaceKeyword(ajv, {
    keyword: 'enum',
    schemaType: 'array',
    compile: (allowed: readonly unknown[]) => {
      if (allowed.length === 0) throw new Error('enum must have non-empty array')
      return function (this: Digits, data: unknown, context) {
        return allowed.some((one) => isSame(one, data, context?.instancePath ?? '', this))
      }
    },
    error: { message: 'must be equal to one of the allowed values', params: ({ schemaCode }) => _`{allowedValues: ${schemaCode}}` },
  })
}

function replaceKeyword(ajv: Ajv, definition: FuncKeywordDefinition & { keyword: string }): void {
  ajv.removeKeyword(definition.keyword)
  ajv.addKeyword(definition)
}

function ofNumbers(keyword: string, says: string, holds: Test, str: CodeWords['str']): FuncKeywordDefinition & { keyword: string } {
  return {
    keyword,
    type: 'number',
    schemaType: 'number',
    compile: (limit: number) => {
      const decimal = decimalOf(String(limit))
      return function (this: Digits, data: number, context) {
        return holds(this?.digits?.get(context?.instancePath ?? '') ?? decimalOf(String(data)), decimal)
      }
    },
    error: { message: ({ schemaCode }) => str`${says} ${schemaCode}` },
  }
}

/** Deep, and by digits. `path` leads to `data`. */
function isSame(allowed: unknown, data: unknown, path: string, context: Digits): boolean {
  if (typeof data === 'number') {
    if (typeof allowed !== 'number') return false
    const digits = context?.digits?.get(path)
    return digits ? digits.text === decimalOf(String(allowed)).text : allowed === data
  }
  if (Array.isArray(data)) {
    return Array.isArray(allowed) && allowed.length === data.length && data.every((entry: unknown, index) => isSame(allowed[index], entry, `${path}/${index}`, context))
  }
  if (!isObject(data)) return allowed === data
  if (!isObject(allowed) || Object.keys(allowed).length !== Object.keys(data).length) return false
  return Object.entries(data as Record<string, ExactJson>).every(([key, entry]) => Object.hasOwn(allowed, key) && isSame(allowed[key], entry, `${path}/${escaped(key)}`, context))
}
