// The table of prices: what is read of it, what is a mistake, and that the sample is a good one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'

const folder = mkdtempSync(join(tmpdir(), 'prices-'))
afterAll(() => rmSync(folder, { recursive: true }))

const least = { AZURE_OPENAI_ENDPOINT: 'https://a.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'd', JWT_SECRET: 'a shared secret of the tests, 32 bytes or more' }
const load = (PRICES_FILE: string) => loadConfig(checkTools, { ...least, PRICES_FILE }, { mode: 'serve', cwd: join(import.meta.dirname, '../..') }).prices

function written(table: unknown): string {
  const file = join(folder, 'prices.json')
  writeFileSync(file, typeof table === 'string' ? table : JSON.stringify(table))
  return file
}

describe('PRICES_FILE', () => {
  it('is not needed', () => {
    expect(load('')).toBeUndefined()
  })

  it('is a table by deployment or model', () => {
    const table = { currency: 'EUR', date: '2026-11-25', prices: { d: { input_text: 4, output_audio: 0.5 }, '*': {} } }
    expect(load(written({ ...table, note: 'from the contract' }))).toEqual(table)
  })

  it('has a sample with every kind of price, dated', () => {
    const sample = load('deploy/examples/prices.json')
    expect(sample).toMatchObject({ currency: 'USD', date: expect.stringMatching(/^20\d\d-/) })
    const fields = new Set(Object.values(sample?.prices ?? {}).flatMap((price) => Object.keys(price)))
    expect([...fields].sort()).toEqual(['cached_audio', 'cached_image', 'cached_text', 'input_audio', 'input_image', 'input_text', 'minute', 'output_audio', 'output_text'])
    for (const [name, price] of Object.entries(sample?.prices ?? {})) {
      expect(price.cached_text ?? 0, name).toBeLessThanOrEqual(price.input_text ?? 0)
      expect(price.cached_audio ?? 0, name).toBeLessThanOrEqual(price.input_audio ?? 0)
    }
  })

  const good = { currency: 'USD', date: '2026-11-25', prices: { d: {} } }
  it.each([
    ['no JSON', '{', /^PRICES_FILE is not valid JSON/],
    ['a list', [], /^PRICES_FILE must hold a JSON object/],
    ['no currency', { ...good, currency: undefined }, /^PRICES_FILE currency is missing/],
    ['another spelling', { ...good, currency: 'dollar' }, /^PRICES_FILE currency must be a currency of three/],
    ['no day', { ...good, date: '25.11.2026' }, /^PRICES_FILE date must be a day/],
    ['no prices', { ...good, prices: {} }, /^PRICES_FILE prices must be an object of 1 to/],
    ['a price that is none', { ...good, prices: { d: { input_text: -1 } } }, /^PRICES_FILE "d": input_text must be a number/],
    ['a text for a price', { ...good, prices: { d: { input_text: '4' } } }, /^PRICES_FILE "d": input_text must be a number/],
    ['a misspelt kind', { ...good, prices: { d: { audio_input: 4 } } }, /^PRICES_FILE "d": has unknown fields: "audio_input"; known: input_text/],
    ['a row that is none', { ...good, prices: { d: 4 } }, /^PRICES_FILE "d": must be an object/],
    ['unknown fields', { ...good, unit: 'k' }, /^PRICES_FILE has unknown fields: "unit"/],
  ])('names the mistake: %s', (_, table, says) => {
    const problems = (() => {
      try {
        load(written(table))
        return []
      } catch (error) {
        return error instanceof ConfigError ? error.problems : [String(error)]
      }
    })()
    expect(problems).toEqual([expect.stringMatching(says)])
  })
})
