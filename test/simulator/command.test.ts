// The `simulate` command's flags, TLS, rate limits and voices.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { simulateCommand } from '../../src/simulator/command.js'
import { type RateLimitStyle, startSimulator } from '../../src/simulator/simulator.js'
import { speak } from '../../src/simulator/speech.js'
import { connect, userText } from './client.js'

describe('simulate', () => {
  it('starts, prints only the URL, and obeys its flags', async () => {
    const printed: string[] = []
    const simulator = await simulateCommand(['--port', '0', '--api-key', 'k1', '--deployment', 'voice', '--rate-limits', 'both', '--speed', '1000', '--heard', 'Hello.'], (line) =>
      printed.push(line),
    )
    expect(printed).toEqual([simulator.url])
    const client = await connect(simulator, '/openai/v1/realtime?model=voice', { 'api-key': 'k1' })
    client.send({ type: 'response.create' })
    expect((await client.next('rate_limits.updated')).rate_limits).toHaveLength(2)
    await simulator.close()
  })

  it.each([
    [['--port', 'x'], '--port'],
    [['--port', '70000'], '--port'],
    [['--style', 'aws'], '--style'],
    [['--rate-limits', 'some'], '--rate-limits'],
    [['--nonsense'], '--nonsense'],
  ])('says which flag is wrong: %j', async (argv, flag) => {
    await expect(simulateCommand(argv, () => undefined)).rejects.toThrow(flag)
  })

  it('says when the port is taken', async () => {
    const first = await startSimulator()
    await expect(simulateCommand(['--port', String(first.port)], () => undefined)).rejects.toThrow('EADDRINUSE')
    await first.close()
  })
})

describe('rate_limits.updated', () => {
  it.each<[RateLimitStyle, string[]]>([
    ['tokens', ['tokens']],
    ['requests', ['requests']],
    ['both', ['requests', 'tokens']],
    ['floats', ['requests', 'tokens']],
  ])('%s', async (rateLimits, names) => {
    const simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY, rateLimits, tokensPerMinute: 6000 })
    const remaining: number[] = []
    // Two sessions share what one deployment has.
    for (let i = 0; i < 2; i++) {
      const client = await connect(simulator)
      client.send(userText('hello '.repeat(50)))
      client.send({ type: 'response.create' })
      const reported = (await client.next('rate_limits.updated')).rate_limits as JsonObject[]
      expect(reported.map((entry) => entry.name)).toEqual(names)
      for (const entry of reported) expect(Number.isInteger(entry.remaining)).toBe(rateLimits !== 'floats')
      remaining.push(Number(reported.at(-1)?.remaining))
      client.close()
    }
    expect(remaining[1]).toBeLessThan(Number(remaining[0]))
    await simulator.close()
  })

  it('is not sent on Azure by default, as recorded', async () => {
    const simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY })
    const client = await connect(simulator)
    for (let i = 0; i < 2; i++) {
      client.send({ type: 'response.create', response: { output_modalities: ['text'] } })
      await client.next('response.done')
    }
    expect(client.events.map((event) => event.type)).not.toContain('rate_limits.updated')
    await simulator.close()
  })
})

it('serves TLS', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simulator-'))
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=localhost',
      '-keyout',
      join(folder, 'key.pem'),
      '-out',
      join(folder, 'cert.pem'),
    ],
    { stdio: 'ignore' },
  )
  const simulator = await startSimulator({ tls: { cert: readFileSync(join(folder, 'cert.pem')), key: readFileSync(join(folder, 'key.pem')) } })
  expect(simulator.url).toMatch(/^https:/)
  const client = await connect(simulator)
  await client.next('session.created')
  simulator.setFaults({ end: { how: 'rst', at: 'now' } })
  expect((await client.closed()).code).toBe(1006)
  await simulator.close()
})

describe('speech', () => {
  it('is the same for the same text, longer for more text, slower at a lower speed, and different for another voice', () => {
    const say = (text: string, voice = 'alloy', speed = 1) => {
      const spoken = speak(text, { voice, speed }, 'tones')
      if (spoken instanceof Promise) throw new Error('tones need no waiting')
      return spoken
    }
    expect(say('hello there').pcm.equals(say('hello there').pcm)).toBe(true)
    expect(say('hello there everybody').pcm.length).toBeGreaterThan(say('hello there').pcm.length)
    expect(say('hello there', 'alloy', 0.5).pcm.length).toBeGreaterThan(say('hello there').pcm.length)
    expect(say('hello there', 'ash').pcm.equals(say('hello there').pcm)).toBe(false)
    expect(
      say('hello there, you')
        .words.map((word) => word.text)
        .join(''),
    ).toBe('hello there, you')
    expect(say('').pcm).toHaveLength(0)
  })

  it('comes from espeak-ng if that is installed, else from tones', async () => {
    const spoken = await speak('Good morning to you all.', { voice: 'alloy', speed: 1 }, 'espeak')
    expect(spoken.pcm.length / 48).toBeGreaterThan(800)
    expect(spoken.words.map((word) => word.text).join('')).toBe('Good morning to you all.')
    const simulator = await startSimulator({ voice: 'espeak', speed: Number.POSITIVE_INFINITY })
    const client = await connect(simulator)
    client.send(userText('hi'))
    client.send({ type: 'response.create' })
    const deltas = (await client.until('response.done')).filter((event) => event.type === 'response.output_audio.delta')
    expect(deltas.length).toBeGreaterThan(3)
    await simulator.close()
  })
})
