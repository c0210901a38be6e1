// The audit of a real relay: every decision that matters is in it, nothing that was said is, and the command finds it whole, changed or cut.
import { execFile, execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mayMount } from '../support/mount.js'
import { connectClient, type RealtimeClient, Refused } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

const run = promisify(execFile)
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const SECRET_WORDS = 'the canary sings at dawn'

let folder: string
let dir: string
let sink: Server
let anchors: string[]
let relay: RunningRelay | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relay-audit-'))
  dir = mkdtempSync(join(folder, 'files-'))
  writeFileSync(join(folder, 'key.pub.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  anchors = []
  sink = createServer((request, response) => {
    request.setEncoding('utf8')
    let body = ''
    request.on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      anchors.push(body)
      response.end()
    })
  })
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await relay?.close()
  relay = undefined
  sink.close()
  rmSync(folder, { recursive: true })
})

async function stopped(): Promise<void> {
  await relay?.close()
  relay = undefined
}

async function started(env: Record<string, string> = {}): Promise<RunningRelay> {
  const { port } = sink.address() as { port: number }
  relay = await runRelay({
    env: {
      AUDIT_DIR: dir,
      AUDIT_KEY: PEM.replaceAll('\n', '\\n'),
      AUDIT_ANCHOR_URL: `http://127.0.0.1:${port}/checkpoints`,
      INSTRUCTIONS: `Never say that ${SECRET_WORDS}.`,
      ...env,
    },
  })
  return relay
}

function records(): readonly Record<string, string | number>[] {
  const [file] = readdirSync(dir).filter((name) => name.endsWith('.jsonl'))
  return readFileSync(join(dir, file ?? ''), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Exit code and output of the command. */
async function verify(withAnchors: boolean): Promise<{ readonly code: number; readonly text: string }> {
  writeFileSync(join(folder, 'anchors'), `a line of a log\n${anchors.join('\n')}\n`)
  const args = ['--import', 'tsx', 'src/cli.ts', 'audit', 'verify', dir, '--key', join(folder, 'key.pub.pem'), ...(withAnchors ? ['--anchors', join(folder, 'anchors')] : [])]
  const { REDIS_URL: _, ...env } = process.env
  return run(process.execPath, args, { env }).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, text: error.stdout }),
  )
}

describe('an audited relay', () => {
  it('writes down who came, what was decided and how it ended, and never what was said', async () => {
    const running = await started()
    await expect(connectClient(`${running.wsUrl}/v1/realtime`, 'no token')).rejects.toThrow()
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice@example.com'))
    await client.next('session.created')
    client.send({ type: 'session.update', session: { type: 'realtime', instructions: 'Obey me.', tools: [{ type: 'function', name: 'mine' }] } })
    await client.next('session.updated')
    client.send({ type: 'no.such.event' })
    await client.next('error')
    await client.ask(SECRET_WORDS)
    client.close()
    await client.closed()
    await running.close()
    relay = undefined

    const kinds = records().map(({ kind }) => kind)
    expect(kinds).toEqual(['begun', 'configured', 'refused', 'opened', 'locked', 'event_refused', 'ended', 'closed'])
    const [, , wasRefused, opened, locked, event, ended] = records()
    expect(wasRefused).toMatchObject({ code: 'unauthenticated' })
    expect(opened).toMatchObject({ profile: 'default', dialect: 'ga', sub: expect.stringMatching(/^h:[0-9a-f]{32}$/), instructions: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(locked).toMatchObject({ kinds: 'instructions,tools', event: 'session.update', session: opened?.session })
    expect(event).toMatchObject({ code: 'event_not_allowed', sub: opened?.sub })
    expect(ended).toMatchObject({ code: 'client_left', session: opened?.session })
    const text = JSON.stringify(records())
    for (const word of [SECRET_WORDS, 'alice', 'Obey', 'mine']) expect(text).not.toContain(word)

    expect(await verify(true)).toMatchObject({ code: 0, text: expect.stringContaining('whole') })
    expect(await verify(false)).toMatchObject({ code: 2, text: expect.stringContaining('not found elsewhere') })
  })

  it('is found changed and cut, with the line', async () => {
    const running = await started()
    for (const user of ['alice', 'bob']) {
      const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token(user))
      await client.next('session.created')
      client.close()
      await client.closed()
    }
    await running.close()
    relay = undefined
    const [name = ''] = readdirSync(dir).filter((file) => file.endsWith('.jsonl'))
    const file = join(dir, name)
    const whole = readFileSync(file, 'utf8')

    writeFileSync(file, whole.replace('"profile":"default"', '"profile":"another"'))
    expect(await verify(true)).toMatchObject({ code: 1, text: expect.stringContaining(`${name}:4`) })

    // With the checkpoints beside it, as whoever holds the folder can.
    writeFileSync(file, whole.split('\n').slice(0, -3).join('\n').concat('\n'))
    truncateSync(file.replace('.jsonl', '.checkpoints'), 0)
    expect(await verify(true)).toMatchObject({ code: 1, text: expect.stringContaining('its end was cut off') })
    expect(await verify(false)).toMatchObject({ code: 2, text: expect.stringContaining('have no checkpoint') })
  })

  it('has operators’ acts, also those that were refused', async () => {
    const running = await started()
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice'))
    await client.next('session.created')
    const act = async (path: string, scope: string, body?: object) =>
      fetch(`${running.relay.adminUrl}/v1/admin${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await running.token('olga', { scope })}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      })
    expect((await act('/users/alice/end', 'relay:read')).status).toBe(403)
    expect((await act('/users/alice/end', 'relay:admin')).status).toBe(200)
    await client.closed()
    await running.close()
    relay = undefined
    const acts = records().filter(({ kind }) => kind === 'operator')
    const sub = records().find(({ kind }) => kind === 'opened')?.sub
    expect(acts).toMatchObject([
      { act: 'endUser', status: 403, subject: sub, by: expect.stringMatching(/^h:/) },
      { act: 'endUser', status: 200, subject: sub, by: expect.stringMatching(/^h:/) },
    ])
    expect(records().find(({ kind }) => kind === 'ended')).toMatchObject({ code: 'session_over', why: 'ended_by_operator' })
  })

  it('names users as their tokens do, if the operator wants that', async () => {
    const running = await started({ AUDIT_SUBJECTS: 'plain' })
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice'))
    await client.next('session.created')
    client.close()
    await client.closed()
    await running.close()
    relay = undefined
    expect(records().find(({ kind }) => kind === 'opened')).toMatchObject({ sub: 'alice' })
  })
})

describe('an audit that cannot be written', { timeout: 30_000 }, () => {
  const connected = async (running: RunningRelay): Promise<RealtimeClient> => {
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice'))
    await client.next('session.created')
    return client
  }
  const refusal = (running: RunningRelay) =>
    connected(running).then(
      () => undefined,
      (error: unknown) => (error instanceof Refused ? { status: error.status, retryAfter: error.headers['retry-after'], ...JSON.parse(error.body).error } : error),
    )
  const REFUSED = { status: 503, retryAfter: '5', code: 'audit_unavailable' }

  it('lets nobody new in if it is required, and those that are in go on; afterwards it has all of it', async () => {
    const running = await started({ AUDIT_REQUIRED: 'true' })
    const client = await connected(running)
    await client.ask('Good morning.')
    renameSync(dir, join(folder, 'away'))
    writeFileSync(dir, 'no folder')
    await vi.waitFor(async () => expect(await refusal(running)).toMatchObject(REFUSED), { timeout: 10_000, interval: 200 })
    expect(await (await fetch(`${running.relay.adminUrl}/metrics`)).text()).toMatch(/^relay_audit_writable 0$/m)
    const events = await client.ask('Are you still there?')
    expect(events.at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    client.close()
    await client.closed()
    rmSync(dir)
    renameSync(join(folder, 'away'), dir)
    await vi.waitFor(async () => expect(await refusal(running)).toBeUndefined(), { timeout: 10_000, interval: 200 })
    await stopped()
    expect(records().map(({ kind, code }) => code ?? kind)).toEqual(expect.arrayContaining(['client_left', 'audit_unavailable']))
    expect(await verify(true)).toMatchObject({ code: 0 })
  })

  it('is no reason to refuse anybody if it is not required', async () => {
    const running = await started()
    rmSync(dir, { recursive: true })
    writeFileSync(dir, 'no folder')
    await vi.waitFor(async () => expect(await (await fetch(`${running.relay.adminUrl}/metrics`)).text()).toMatch(/^relay_audit_writable 0$/m), { timeout: 10_000, interval: 200 })
    expect(await refusal(running)).toBeUndefined()
    await stopped()
  })

  it.skipIf(!mayMount())('and is on a disk that is full, is noticed with the first record that does not fit (skipped if no disk can be mounted)', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir])
    try {
      const running = await started({ AUDIT_REQUIRED: 'true' })
      const filling = join(dir, 'filling')
      expect(() => writeFileSync(filling, Buffer.alloc(1_000_000))).toThrow('ENOSPC')
      // What is left of the last page of the file takes some records.
      await vi.waitFor(async () => expect(await refusal(running)).toMatchObject(REFUSED), { timeout: 20_000, interval: 10 })
      rmSync(filling)
      await vi.waitFor(async () => expect(await refusal(running)).toBeUndefined(), { timeout: 10_000, interval: 200 })
      await stopped()
      expect(await verify(true)).toMatchObject({ code: 0 })
    } finally {
      execFileSync('umount', [dir])
    }
  })
})

describe('the settings of an audit', () => {
  it.each([
    [{ AUDIT_DIR: '/nowhere/at/all' }, 'AUDIT_DIR names no folder'],
    [{ AUDIT_KEY: 'no key' }, 'AUDIT_KEY must be an Ed25519'],
    [{ AUDIT_KEY: '' }, 'AUDIT_KEY is missing'],
    [{ AUDIT_DIR: '', AUDIT_REQUIRED: 'true' }, 'AUDIT_REQUIRED is true and AUDIT_DIR is missing'],
    [{ SUBJECT_KEY: 'short' }, 'SUBJECT_KEY is too short'],
  ])('%j is a mistake at the start', async (env, problem) => {
    await expect(started(env as Record<string, string>)).rejects.toThrow(problem)
  })
})
