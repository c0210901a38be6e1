// The example files are ones the relay starts with.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'

describe('deploy/examples', () => {
  it('are a valid configuration', () => {
    const config = loadConfig(
      checkTools,
      {
        AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com',
        AZURE_OPENAI_DEPLOYMENT: 'voice',
        JWT_SECRET: 'x'.repeat(32),
        INSTRUCTIONS_FILE: 'instructions.txt',
        TOOLS_FILE: 'tools.json',
        ORDERS_KEY: 'key',
      },
      { mode: 'serve', cwd: join(import.meta.dirname, '../../deploy/examples') },
    )
    expect(config.tools.map((tool) => tool.kind)).toEqual(['http', 'client'])
    expect(config.profiles.default?.instructions).toContain('{{claims.name}}')
  })
})
