// `simulate-call` as it is typed: its mistakes, its settings, and whole calls to a relay in another process.

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callRequest } from '../../src/cli/simulate-call.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { fromWav, toWav } from '../../src/simulator/wav.js'
import { type RunningCommand, runCommand, startCommand } from '../support/built-relay.js'
import { tone } from '../support/speech.js'

const NUMBERS = /5550001|5555000|30555/

describe('what is typed', () => {
  it('has defaults: a caller of its own, two minutes, Twilio', () => {
    expect(callRequest([])).toMatchObject({ carrier: 'twilio', says: [], plan: { from: '+4915550001', to: '+4930555000', maxMs: 120_000, untilEnded: false } })
  })

  it('keeps the order of what is said, and hides a number', () => {
    const asked = callRequest([
      '--say',
      'one.wav',
      '--say',
      'two words',
      '--interrupt-at',
      '1500',
      '--from',
      'withheld',
      '--press',
      '12#',
      '--hang-up-after',
      '2.5',
      '--until-ended',
    ])
    expect(asked).toMatchObject({ says: ['one.wav', 'two words'], plan: { from: undefined, interruptAtMs: 1500, keys: '12#', hangUpAfterMs: 2500, untilEnded: true } })
  })

  it.each([
    [['--carrier', 'phone'], /--carrier must be one of twilio, acs, sip/],
    [['--interrupt-at', '100'], /--interrupt-at needs a --say/],
    [['--interrupt-at', 'soon', '--say', 'x'], /--interrupt-at must be a number from 0 to 600000/],
    [['--press', '12e'], /--press takes keys/],
    [['--seconds', '-1'], /--seconds must be a number/],
    [['--from', '030 555'], /--from must be a number such as/],
    [['--url', 'relay'], /--url must be a URL/],
    [['--sya', 'x'], /--sya is not known. Did you mean --say\?/],
  ])('%j is a mistake', (words, message) => {
    expect(() => callRequest(words)).toThrow(message)
  })
})

describe.each(['twilio', 'acs'] as const)('a call by %s', { timeout: 120_000 }, (carrier) => {
  let simulator: Simulator
  let folder: string
  let relay: RunningCommand
  let env: Record<string, string>

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'relay-simulate-call-'))
    writeFileSync(join(folder, 'question.wav'), toWav(tone(900)))
    writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ default: { manners: { greeting: 'Say hello.', hangUp: true } } }))
    simulator = await startSimulator({
      script: {
        hears: ['a story', 'goodbye'],
        answers: [
          { on: { says: 'story' }, reply: [{ say: 'Once upon a time there was a lamp on a rock in the sea, and it burned for the ships that came home every night.' }] },
          { on: { says: 'goodbye' }, reply: [{ say: 'Goodbye.' }, { call: { name: 'hang_up', arguments: {} } }] },
          { reply: [{ say: 'Good evening.' }] },
        ],
      },
    })
    const [port, carrierPort] = [await freePort(), await freePort()]
    const settings = await runCommand(['simulate-call', '--carrier', carrier, '--settings', '--url', `http://127.0.0.1:${port}`, '--port', carrierPort])
    expect(settings.code).toBe(0)
    env = {
      ...(parseEnv(settings.output) as Record<string, string>),
      HOST: '127.0.0.1',
      PORT: port,
      ADMIN_PORT: '0',
      JWT_SECRET: 'x'.repeat(32),
      AZURE_OPENAI_ENDPOINT: simulator.url,
      AZURE_OPENAI_DEPLOYMENT: 'voice',
      AZURE_OPENAI_API_KEY: 'key',
      PROFILES_FILE: join(folder, 'profiles.json'),
    }
    relay = await startCommand(['serve'], { env })
    await relay.says(/"msg":"listening"/)
  }, 60_000)
  afterAll(async () => {
    await relay?.stop()
    await simulator?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('goes as asked: an interruption, a goodbye, a file of what was heard', async () => {
    const question = join(folder, 'question.wav')
    const { code, output } = await runCommand(
      ['simulate-call', '--carrier', carrier, '--say', question, '--say', question, '--interrupt-at', '1500', '--until-ended', '--save', join(folder, 'heard.wav')],
      { env },
    )
    expect(output).toMatch(/rings\n.*answered after \d+ ms\n.*says 1 of 2\n.*answer to 1 of 2 after \d+ ms\n.*interrupts\n.*cleared \d+ ms after[^\n]*\n.*answer to 2 of 2/)
    expect(output).toMatch(/ended by the relay\n.*first word \d+ ms after the connection/)
    expect(output).toContain('The call went as asked.')
    expect(code).toBe(0)
    expect(output).not.toMatch(NUMBERS)
    const heard = fromWav(readFileSync(join(folder, 'heard.wav')))
    expect((heard?.length ?? 0) / 48_000).toBeGreaterThan(3)
    expect(relay.output).not.toMatch(NUMBERS)
  })

  it('says what did not go as asked, with exit code 1', async () => {
    const { code, output } = await runCommand(['simulate-call', '--carrier', carrier, '--until-ended', '--seconds', '4'], { env })
    expect(output).toContain('problem: The call was not over after 4 s.')
    expect(code).toBe(1)
  })

  it('is refused with wrong credentials, and says so', async () => {
    const wrong = carrier === 'twilio' ? { TWILIO_AUTH_TOKEN: '0'.repeat(32) } : { ACS_EVENT_GRID_SECRET: 'another' }
    const { code, output } = await runCommand(['simulate-call', '--carrier', carrier], { env: { ...env, ...wrong } })
    expect(output).toMatch(/problem: The call was not answered: .*status 40[13]/)
    expect(code).toBe(1)
  })

  it('check --telephony finds the relay well', async () => {
    const { output } = await runCommand(['check', '--telephony'], { env })
    expect(output).toMatch(carrier === 'twilio' ? /Twilio signature +ok +a signed media socket is let in/ : /Event Grid secret +ok +the handshake of a subscription is answered/)
    expect(output).toMatch(carrier === 'twilio' ? /Twilio webhook +ok/ : /ACS media +ok +refuses whoever has no proof \(HTTP 401\)/)
  })
})

it('needs credentials, and names them', async () => {
  const { code, output } = await runCommand(['simulate-call', '--carrier', 'acs'])
  expect(output).toContain('ACS_CONNECTION_STRING is not set. simulate-call --carrier acs --settings prints')
  expect(code).toBe(1)
  const real = { ACS_CONNECTION_STRING: 'endpoint=https://my-acs.germany.communication.azure.com/;accesskey=AAAA' }
  expect((await runCommand(['simulate-call', '--carrier', 'acs'], { env: real })).output).toContain('names a real resource')
})

async function freePort(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return String(port)
}
