// The README names every variable the relay reads, and every secret's file form.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { VARIABLES, variableNames } from '../../src/config/variables.js'

const readme = join(import.meta.dirname, '../../README.md')
const exists = existsSync(readme)

describe.skipIf(!exists)(`README.md names every variable${exists ? '' : ' (skipped: README.md is not written yet)'}`, () => {
  const text = exists ? readFileSync(readme, 'utf8') : ''
  it.each(variableNames.map((name) => [name]))('%s', (name) => {
    expect(text).toMatch(new RegExp(`\\b${name}\\b`))
  })
})

describe('the table of variables', () => {
  it.each(variableNames.map((name) => [name, VARIABLES[name]] as const))('%s says what it is for', (name, variable) => {
    expect(name).toMatch(/^[A-Z][A-Z0-9_]*$/)
    expect(variable.doc).toMatch(/^[A-Z].{10,}\.$/)
  })

  it('lets every secret come from a file', () => {
    expect(variableNames.filter((name) => VARIABLES[name].file).sort()).toEqual(
      ['AZURE_OPENAI_API_KEY', 'INSTRUCTIONS', 'JWT_PUBLIC_KEY', 'JWT_SECRET', 'OPENAI_API_KEY', 'REDIS_URL', 'SESSION', 'TOOLS', 'TOOL_IDENTITY_SECRET', 'UPSTREAMS'].sort(),
    )
  })
})
