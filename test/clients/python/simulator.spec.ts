// The pytest fixture that the simulator's page shows, run as it stands: by `npm run test:python`.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

it('a test of pytest asks the local Azure', () => {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', SIMULATOR: `${process.execPath} --import tsx ${ROOT}src/cli.ts simulate` }
  const { status, stdout, stderr } = spawnSync(process.env.RELAY_TEST_PYTHON ?? 'python3', ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', HERE], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
  })
  expect(`${stdout}${stderr}`).toContain('1 passed')
  expect(status).toBe(0)
})
