// The apps without a page: a question from Node and from Python whose answer needs a tool and is kept as sound, and a telephone call without a carrier.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { appFolder, type StartedRelay, secretsOf, startRelay, startScript, startShell } from './app-scripts.js'

const { away, noPython } = inject('apps')
const because = (why: string | undefined) => (why === undefined ? '' : ` (skipped: ${why})`)

let relay: StartedRelay | undefined
afterEach(async () => {
  await relay?.stop()
  relay = undefined
})

/** Seconds of sound that is not silence, of a WAV file of 16 bits at 24 kHz. */
function soundIn(path: string): number {
  const file = readFileSync(path)
  expect(file.toString('latin1', 0, 4) + file.toString('latin1', 8, 12)).toBe('RIFFWAVE')
  expect([file.readUInt16LE(22), file.readUInt32LE(24), file.readUInt16LE(34), file.readUInt32LE(40)]).toEqual([1, 24_000, 16, file.length - 44])
  const samples = Array.from({ length: (file.length - 44) / 2 }, (_, index) => Math.abs(file.readInt16LE(44 + index * 2)))
  return samples.filter((sample) => sample > 500).length / 24_000
}

const kinds = [
  { name: 'node', why: away, ask: (env: Record<string, string>) => startScript('node', 'start', env) },
  { name: 'python', why: away ?? noPython, ask: (env: Record<string, string>) => startShell('python', '.venv/bin/python ask.py', env) },
]

describe.each(kinds)('$name', ({ name, why, ask }) => {
  it.skipIf(why !== undefined)(`asks, prints the answer, and keeps its sound${because(why)}`, async () => {
    relay = await startRelay(name)
    const asking = ask({ RELAY_URL: relay.url })
    expect((await asking.ended).code, asking.output).toBe(0)
    expect(asking.output).toMatch(/Lisbon.*\n$/)
    expect(asking.errors).toBe('')
    expect(soundIn(join(appFolder(name), 'answer.wav'))).toBeGreaterThan(0.5)
  })

  it.skipIf(why !== undefined)(`says why it gets none: another secret, another audience, or no relay${because(why)}`, async () => {
    relay = await startRelay(name)
    const stranger = ask({ RELAY_URL: relay.url, JWT_SECRET: 'x'.repeat(40) })
    expect((await stranger.ended).code).not.toBe(0)
    expect(stranger.errors).toMatch(name === 'node' ? /token/i : /40[13]|4401|token/i)
    const other = ask({ RELAY_URL: relay.url, JWT_AUDIENCE: 'another-relay' })
    expect((await other.ended).code).not.toBe(0)
    await relay.stop()
    const lost = ask({ RELAY_URL: relay.url })
    expect((await lost.ended).code).not.toBe(0)
    expect(lost.errors).toMatch(/ECONNREFUSED|Connect call failed|refused/)
    expect(JSON.stringify([stranger.output, lost.output])).not.toContain(secretsOf(name).JWT_SECRET)
  })
})

it.skipIf(away !== undefined)(`node says so if the relay goes in the middle${because(away)}`, async () => {
  relay = await startRelay('node')
  const asking = startScript('node', 'start', { RELAY_URL: relay.url })
  await asking.says(/found/)
  await relay.stop()
  expect((await asking.ended).code).toBe(1)
  expect(asking.errors).toMatch(/^The relay ended it: 1006/)
})

describe('phone', () => {
  it.skipIf(away !== undefined)(`rings, asks, breaks in, and keeps what was heard${because(away)}`, async () => {
    relay = await startRelay('phone')
    const call = startScript('phone', 'call', relay.env)
    const { code } = await call.ended
    expect(call.output).toMatch(/rings\n.*answered[\s\S]*says 1 of 2[\s\S]*interrupts[\s\S]*The call went as asked\.\n$/)
    expect([code, call.errors]).toEqual([0, ''])
    expect(statSync(join(appFolder('phone'), 'heard.wav')).size).toBeGreaterThan(100_000)
  })

  it.skipIf(away !== undefined)(`is refused by a carrier's stranger${because(away)}`, async () => {
    relay = await startRelay('phone')
    const call = startScript('phone', 'call', { ...relay.env, TWILIO_AUTH_TOKEN: '0'.repeat(32) })
    expect((await call.ended).code).toBe(1)
    expect(call.output).toContain('The call was not answered')
  })
})
