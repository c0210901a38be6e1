// `simulate-call --carrier sip` as a user types it: the relay runs with what `--settings` prints, and the call brings its own upstream.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { toWav } from '../../src/simulator/wav.js'
import { type RunningCommand, runCommand, startCommand } from '../support/built-relay.js'
import { freePort } from '../support/redis.js'
import { tone } from '../support/speech.js'

let folder: string
let relay: RunningCommand
let env: Record<string, string>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relay-simulate-sip-'))
  writeFileSync(join(folder, 'question.wav'), toWav(tone(900)))
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ default: { manners: { greeting: 'Say hello.' } } }))
  const [port, carrierPort] = [String(await freePort()), String(await freePort())]
  const settings = await runCommand(['simulate-call', '--carrier', 'sip', '--settings', '--url', `http://127.0.0.1:${port}`, '--port', carrierPort])
  expect(settings.code).toBe(0)
  env = {
    ...(parseEnv(settings.output) as Record<string, string>),
    HOST: '127.0.0.1',
    PORT: port,
    ADMIN_PORT: '0',
    JWT_SECRET: 'x'.repeat(32),
    PROFILES_FILE: join(folder, 'profiles.json'),
  }
  relay = await startCommand(['serve'], { env })
  await relay.says(/"msg":"listening"/)
}, 60_000)
afterAll(async () => {
  await relay?.stop()
  rmSync(folder, { recursive: true, force: true })
})

it('goes as asked: a greeting, an answer, an interruption', async () => {
  const question = join(folder, 'question.wav')
  const { code, output } = await runCommand(['simulate-call', '--carrier', 'sip', '--say', question, '--say', question, '--interrupt-at', '600'], { env })
  expect(output).toMatch(/answered after \d+ ms\n.*says 1 of 2\n.*answer to 1 of 2 after \d+ ms\n.*interrupts\n.*cleared \d+ ms after/)
  expect(output).toContain('The call went as asked.')
  expect(code).toBe(0)
}, 60_000)

it('is refused by a relay with another secret, and says so', async () => {
  const secret = `whsec_${Buffer.from('another key').toString('base64')}`
  const { code, output } = await runCommand(['simulate-call', '--carrier', 'sip'], { env: { ...env, SIP_WEBHOOK_SECRET: secret } })
  expect(output).toContain('refused with 401')
  expect(code).toBe(1)
}, 60_000)

it('does not ring where no simulated call would be known', async () => {
  const { code, output } = await runCommand(['simulate-call', '--carrier', 'sip'], { env: { ...env, AZURE_OPENAI_ENDPOINT: 'https://mine.openai.azure.com' } })
  expect(output).toContain('AZURE_OPENAI_ENDPOINT names a real service')
  expect(code).not.toBe(0)
})
