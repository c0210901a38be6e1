// Recordings of a real relay: what was said and heard, for the recipients alone, nothing before consent, and what a killed process leaves.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadConfig } from '../../src/config/load.js'
import { startSimulator } from '../../src/simulator/simulator.js'
import { checkTools } from '../../src/tools/check.js'
import { startCommand } from '../support/built-relay.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay, SECRET } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'

interface SoundFile {
  readonly name: string
  readonly side: 'user' | 'assistant'
  readonly fromMs: number
  readonly ms: number
}

interface Manifest {
  readonly end: string
  readonly keeps: string
  readonly gaps: readonly object[]
  readonly files: readonly SoundFile[]
}

let folder: string
let relay: RunningRelay | undefined
let identity: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relay-recordings-'))
  for (const name of ['store', 'spool']) mkdirSync(join(folder, name))
  identity = await generateIdentity()
  profiles({ record: 'audio', relayEvents: true })
})
afterEach(async () => {
  await relay?.close()
  relay = undefined
  rmSync(folder, { recursive: true })
})

function profiles(profile: object): void {
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ default: profile }))
}

async function settings(): Promise<Record<string, string>> {
  return {
    RECORDS_URL: join(folder, 'store'),
    RECORDS_SPOOL: join(folder, 'spool'),
    RECORDS_RECIPIENTS: await identityToRecipient(identity),
    SUBJECT_KEY: 'a key of the tests for digests of users',
    PROFILES_FILE: join(folder, 'profiles.json'),
  }
}

async function connected(claims: Record<string, unknown> = {}, speed = 1): Promise<RealtimeClient> {
  relay ??= await runRelay({ env: { ...(await settings()), MESSAGES_PER_SECOND: '10000' }, tools: [], simulator: { speed } })
  const client = await connectClient(`${relay.wsUrl}/v1/realtime`, await relay.token('alice', claims))
  await client.next('session.created')
  return client
}

async function left(client: RealtimeClient): Promise<void> {
  client.close()
  await client.closed()
  await relay?.close()
  relay = undefined
}

function names(under: string): readonly string[] {
  return readdirSync(join(folder, under), { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name))
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(names('store').find((one) => one.endsWith('manifest.json')) ?? '', 'utf8'))
}

async function opened(name: string): Promise<Buffer> {
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  const sealed = readFileSync(names('store').find((one) => one.endsWith(`/${name}`)) ?? '')
  return Buffer.from(await decrypter.decrypt(sealed))
}

/** All sound of a side, without headers. */
async function sound(side: 'user' | 'assistant'): Promise<Buffer> {
  const files = manifest().files.filter((one) => one.side === side)
  return Buffer.concat(await Promise.all(files.map(async ({ name }) => (await opened(name)).subarray(44))))
}

/** From the first sample that is not silent on, and to the last. */
function heard(pcm: Buffer): Buffer {
  let [from, to] = [0, pcm.length]
  while (from < to && pcm.readInt16LE(from) === 0) from += 2
  while (to > from && pcm.readInt16LE(to - 2) === 0) to -= 2
  return pcm.subarray(from, to)
}

function answerOf(client: RealtimeClient): Buffer {
  return Buffer.concat(client.events.filter(({ type }) => type === 'response.output_audio.delta').map(({ delta }) => Buffer.from(String(delta), 'base64')))
}

const lengthMs = (pcm: Buffer) => pcm.length / 48

describe('a recording', () => {
  it('holds what was said and what was heard, for the recipients alone, on one clock', async () => {
    const client = await connected({ recording_consent: true })
    expect(await client.next('relay.recording')).toMatchObject({ state: 'on', keeps: 'audio' })
    const said = [tone(600), silence(900)]
    for (const audio of appendable(...said)) client.send({ type: 'input_audio_buffer.append', audio })
    await client.next('response.done', { from: client.events.length })
    const answer = answerOf(client)
    // Played to its end, since the client plays at wall time.
    await new Promise((resolve) => setTimeout(resolve, lengthMs(answer)))
    await left(client)
    expect(heard(await sound('user')).equals(heard(said[0] as Buffer))).toBe(true)
    expect(heard(await sound('assistant')).equals(heard(answer))).toBe(true)
    const { files, keeps, end, gaps } = manifest()
    expect({ keeps, end, gaps }).toEqual({ keeps: 'audio', end: 'complete', gaps: [] })
    const [user, assistant] = ['user', 'assistant'].map((side) => files.filter((one) => one.side === side).map(({ fromMs, ms }) => [fromMs, ms]))
    expect(user).toEqual(assistant)
    expect(names('store').every((one) => one.endsWith('.age') || one.endsWith('manifest.json'))).toBe(true)
    expect(readFileSync(names('store').find((one) => one.endsWith('user-0001.wav.age')) ?? '').includes('WAVE')).toBe(false)
    expect(names('spool')).toEqual([])
  }, 60_000)

  it('has no more of an answer than was heard before the interruption', async () => {
    profiles({ record: 'audio', relayEvents: true, truncate: 'relay' })
    const client = await connected({ recording_consent: true })
    client.send({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Tell me a long story of a lamp, a tower, the sea and the storm, please.' }] },
    })
    client.send({ type: 'response.create' })
    await client.next('response.output_audio.delta')
    await new Promise((resolve) => setTimeout(resolve, 700))
    for (const audio of appendable(tone(400), silence(900))) client.send({ type: 'input_audio_buffer.append', audio })
    const { audio_end_ms: toldMs } = (await client.next('conversation.item.truncated')) as unknown as { audio_end_ms: number }
    const answer = answerOf(client)
    await left(client)
    const kept = await sound('assistant')
    // The answer that follows is another matter: it is cut by the end of the session.
    const at = kept.indexOf(heard(answer).subarray(0, 4800))
    expect(at).toBeGreaterThanOrEqual(0)
    const same = kept.subarray(at)
    let until = 0
    while (until < same.length && same[until] === heard(answer)[until]) until++
    expect(lengthMs(same.subarray(0, until))).toBeLessThan(toldMs + 60)
    expect(lengthMs(answer)).toBeGreaterThan(toldMs + 60)
  }, 60_000)

  it('begins with consent: nothing of before is in it', async () => {
    const client = await connected({}, Number.POSITIVE_INFINITY)
    for (const audio of appendable(tone(500))) client.send({ type: 'input_audio_buffer.append', audio })
    client.send({ type: 'input_audio_buffer.clear' })
    await client.next('input_audio_buffer.cleared')
    const before = client.events.length
    client.send({ type: 'relay.recording.consent', granted: true })
    expect(await client.next('relay.recording', { from: before })).toMatchObject({ state: 'on', keeps: 'audio' })
    const later = tone(200).subarray(1000)
    client.send({ type: 'input_audio_buffer.append', audio: later.toString('base64') })
    client.send({ type: 'input_audio_buffer.clear' })
    await client.next('input_audio_buffer.cleared', { from: before })
    await new Promise((resolve) => setTimeout(resolve, 400))
    await left(client)
    expect(heard(await sound('user')).equals(heard(later))).toBe(true)
    expect(manifest().files.find(({ side }) => side === 'user')?.fromMs).toBeGreaterThan(0)
  }, 60_000)
})

describe('the settings', () => {
  it('need recipients', async () => {
    const env = { ...(await settings()), RECORDS_RECIPIENTS: '' }
    await expect(runRelay({ env })).rejects.toThrow('record is audio and RECORDS_RECIPIENTS is missing')
  })
})

describe('a process that is killed', () => {
  it('leaves files that can be heard, and the next process brings them to the store', async () => {
    const simulator = await startSimulator({ apiKey: 'key', deployments: ['dep'] })
    const env = {
      ...{ HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0', JWT_SECRET: SECRET, AZURE_OPENAI_ENDPOINT: simulator.url, AZURE_OPENAI_DEPLOYMENT: 'dep', AZURE_OPENAI_API_KEY: 'key' },
      ...{ ...(await settings()), RECORDS_CONSENT: 'none' },
    }
    const command = await startCommand([], { env })
    try {
      const [, url = ''] = await command.says(/"url":"http(:[^"]+)"/)
      const client = await connectClient(`ws${url}/v1/realtime`, await mintToken(loadConfig(checkTools, env).auth, { subject: 'alice', ttlSeconds: 600, claims: {} }))
      await client.next('session.created')
      for (const audio of appendable(tone(600))) client.send({ type: 'input_audio_buffer.append', audio })
      await vi.waitFor(() => expect(names('spool').some((name) => name.endsWith('manifest.json'))).toBe(true), 30_000)
      command.child.kill('SIGKILL')
      await command.ended
      const [home = ''] = readdirSync(join(folder, 'spool'))
      utimesSync(join(folder, 'spool', home, 'alive'), new Date(), new Date(Date.now() - 120_000))
      relay = await runRelay({ env: await settings() })
      await vi.waitFor(() => expect(names('store').some((name) => name.endsWith('manifest.json'))).toBe(true), 5000)
      expect(manifest().end).toBe('lost')
      expect(heard(await sound('user')).equals(heard(tone(600)))).toBe(true)
      const wav = await opened('assistant-0001.wav.age')
      expect(wav.readUInt32LE(40)).toBe(wav.length - 44)
    } finally {
      await command.stop()
      await simulator.close()
    }
  }, 90_000)
})
