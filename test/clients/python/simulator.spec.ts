// The pytest fixture that the simulator's page shows, run as it stands: by `npm run test:python`.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { builtRelay } from '../../support/built-relay.js'

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

it('leaves no process behind when it starts the installed package', async () => {
  const app = mkdtempSync(join(tmpdir(), 'simulator-pytest-'))
  try {
    for (const name of ['conftest.py', 'test_assistant.py', 'answers.yaml']) copyFileSync(join(HERE, name), join(app, name))
    const installed = dirname(await builtRelay())
    mkdirSync(join(app, 'node_modules/.bin'), { recursive: true })
    symlinkSync(installed, join(app, 'node_modules/realtime-relay'), 'dir')
    symlinkSync('../realtime-relay/dist/cli.js', join(app, 'node_modules/.bin/realtime-relay'))
    const env: NodeJS.ProcessEnv = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
    delete env.SIMULATOR
    const { stdout, stderr } = spawnSync(process.env.RELAY_TEST_PYTHON ?? 'python3', ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', app], { cwd: app, env, encoding: 'utf8' })
    expect(`${stdout}${stderr}`).toContain('1 passed')
    const left = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter((line) => line.includes(join(app, 'answers.yaml')))
    for (const line of left) process.kill(Number.parseInt(line, 10))
    expect(left).toEqual([])
  } finally {
    rmSync(app, { recursive: true, force: true })
  }
})
