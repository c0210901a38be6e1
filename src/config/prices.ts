// Reads what models cost: a dated table of prices by deployment or model, from PRICES_FILE.
import { resolve } from 'node:path'
import { PRICE_FIELDS, type Price, type PriceTable } from '../core/policy/price.js'
import { isObject } from '../core/protocol/events.js'
import { type EnvReader, type Problems, readTextFile } from './environment.js'
import { type Fields, fieldsOf, parseJson, quoted } from './json-fields.js'
import { decimal, matching } from './parse.js'

const MAX_ROWS = 1000
const MAX_PRICE = 1_000_000
const currency = matching(/^[A-Z]{3}$/, 'a currency of three capital letters, such as USD')
const date = matching(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, 'a day such as 2026-11-25')

/** Undefined if no file is named, or after a mistake. */
export function readPrices(env: EnvReader, cwd: string, problems: Problems): PriceTable | undefined {
  const file = env.get('PRICES_FILE')
  if (file === undefined) return undefined
  const content = readTextFile(resolve(cwd, file))
  if ('problem' in content) {
    problems.add('PRICES_FILE', content.problem)
    return undefined
  }
  const table = parseJson(content.value, 'PRICES_FILE', problems)
  if (table === undefined) return undefined
  if (isObject(table)) return readTable(fieldsOf(table, 'PRICES_FILE', problems, env), problems, env)
  problems.add('PRICES_FILE', 'must hold a JSON object of currency, date and prices')
  return undefined
}

function readTable(fields: Fields, problems: Problems, env: EnvReader): PriceTable | undefined {
  // For people to read, such as where the numbers are from.
  fields.string('note')
  const inCurrency = fields.need('currency') === undefined ? undefined : fields.parsed('currency', currency)
  const since = fields.need('date') === undefined ? undefined : fields.parsed('date', date)
  const rows = fields.raw('prices')
  const isTable = isObject(rows) && Object.keys(rows).length > 0 && Object.keys(rows).length <= MAX_ROWS
  if (!isTable) fields.bad('prices', `must be an object of 1 to ${MAX_ROWS} prices by deployment or model`)
  fields.done()
  if (!isTable || !inCurrency || !since) return undefined
  const prices: Record<string, Price> = {}
  for (const [name, row] of Object.entries(rows)) {
    const subject = `PRICES_FILE ${quoted(name)}:`
    if (name === '__proto__' || !isObject(row)) problems.add(subject, 'must be an object')
    else prices[name] = readPrice(fieldsOf(row, subject, problems, env))
  }
  return { currency: inCurrency, date: since, prices }
}

function readPrice(fields: Fields): Price {
  const found = PRICE_FIELDS.map((key) => [key, fields.number(key, decimal(0, MAX_PRICE))] as const)
  fields.done()
  return Object.fromEntries(found.filter(([, value]) => value !== undefined))
}
