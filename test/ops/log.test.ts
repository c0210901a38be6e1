// What a log line may contain, whatever is passed to the logger, and what happens if the log is not read.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fastify } from 'fastify'
import { afterAll, describe, expect, it } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import { RefusalError } from '../../src/core/protocol/errors.js'
import { createLogger } from '../../src/ops/log.js'
import { openLogSink } from '../../src/ops/log-sink.js'

function memoryLog(logLevel = 'trace') {
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({ logLevel }, { write: (line) => lines.push(JSON.parse(line)), dropped: 0, flush: async () => undefined })
  return { logger, lines }
}

const CANARY = 'CANARY-9f8e7d'

describe('a log line', () => {
  it.each<readonly [string, object]>([
    ['headers of a request', { req: { method: 'GET', url: `/v1/realtime?access_token=${CANARY}#${CANARY}`, ip: '127.0.0.1', headers: { authorization: `Bearer ${CANARY}` } } }],
    ['a bare header', { authorization: CANARY }],
    ['headers one and two levels down', { a: { authorization: CANARY, b: { 'api-key': CANARY, cookie: CANARY } } }],
    ['a whole header map', { headers: { 'x-anything': CANARY } }],
    ['a wrapped secret', { url: new Secret(CANARY) }],
    ['what was said', { event: { type: 'x', transcript: CANARY, delta: CANARY, item: { content: [{ text: CANARY }] } } }],
    ['instructions', { session: { instructions: CANARY } }],
    ['a tool call', { call: { arguments: CANARY, output: CANARY } }],
    ['claims', { identity: { claims: { email: CANARY } } }],
    ['an error', { err: new Error(`cannot reach https://u:${CANARY}@h`) }],
    ['an error that names a place in its message', { err: new Error(`x\n    at ${CANARY}`) }],
    ['the cause of an error', { err: new Error('x', { cause: new TypeError(CANARY) }) }],
    ['something thrown that is no error', { err: { message: CANARY } }],
  ])('hides %s', (_, fields) => {
    const { logger, lines } = memoryLog()
    logger.error(fields, 'happened')
    expect(JSON.stringify(lines)).not.toContain(CANARY)
    expect(lines).toMatchObject([{ level: 'error', msg: 'happened' }])
  })

  it('does not repeat the message of an error as its text', () => {
    const { logger, lines } = memoryLog()
    const error = new Error(CANARY)
    logger.error(error)
    logger.error({ err: error }, error.message)
    expect(JSON.stringify(lines)).not.toContain(CANARY)
    expect(lines.map((line) => line.msg)).toEqual(['failed', 'failed'])
  })

  it('has no query string in its text either', () => {
    const { logger, lines } = memoryLog()
    logger.warn(`Route GET:/x?token=${CANARY} not found`)
    logger.warn({}, `Route GET:/x?token=${CANARY} not found`)
    expect(lines.map((line) => line.msg)).toEqual(['Route GET:/x? not found', 'Route GET:/x? not found'])
  })

  it('keeps type, code, reason and place of an error', () => {
    const { logger, lines } = memoryLog()
    logger.error({ err: Object.assign(new TypeError('x'), { code: 'ECONNRESET' }) }, 'failed')
    logger.warn({ err: new RefusalError('rate_limited', 'process_full') }, 'refused')
    expect(lines[0]).toMatchObject({ err: { type: 'TypeError', code: 'ECONNRESET', at: expect.arrayContaining([expect.stringContaining('log.test.ts')]) } })
    expect(lines[1]).toMatchObject({ err: { type: 'RefusalError', code: 'rate_limited', why: 'process_full' } })
  })

  it('of Fastify’s request log has no query string', async () => {
    const { logger, lines } = memoryLog()
    const app = fastify({ loggerInstance: logger })
    app.get('/fails', () => Promise.reject(new Error(CANARY)))
    await app.inject({ url: `/fails?token=${CANARY}`, headers: { authorization: CANARY } })
    await app.inject({ url: `/nowhere?token=${CANARY}` })
    await app.close()
    expect(lines.length).toBeGreaterThan(3)
    expect(lines[0]).toMatchObject({ req: { method: 'GET', path: '/fails' } })
    expect(JSON.stringify(lines)).not.toContain(CANARY)
  })

  it('is written from the configured level on', () => {
    const { logger, lines } = memoryLog('warn')
    logger.info('no')
    logger.warn('yes')
    expect(lines).toHaveLength(1)
  })
})

const folder = mkdtempSync(join(tmpdir(), 'relay-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a sink', () => {
  it('writes a file line by line', () => {
    const path = join(folder, 'log')
    const fd = openSync(path, 'a')
    const sink = openLogSink(fd)
    sink.write('{"a":1}\n')
    sink.write(`${'x'.repeat(70_000)}\n`)
    sink.write('{"a":2}\n')
    closeSync(fd)
    expect(readFileSync(path, 'utf8')).toMatch(/^\{"a":1\}\n\{"level":"warn","time":"[^"]+","lines":1,"msg":"log lines lost"\}\n\{"a":2\}\n$/)
    expect(sink.dropped).toBe(1)
  })

  it('outlives a full disk and counts what is lost', () => {
    const fd = openSync('/dev/full', 'w')
    const sink = openLogSink(fd)
    for (let index = 0; index < 3000; index++) sink.write(`${'x'.repeat(1000)}\n`)
    closeSync(fd)
    expect(sink.dropped).toBeGreaterThan(1000)
  })
})

/** Logs 20 MB to its standard output, waits up to `flushMs` for its reader, reports the result on its IPC channel, and exits. */
const writer = (flushMs: number) => `
  const { openLogSink } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/ops/log-sink.ts'))})
  const sink = openLogSink(1)
  let longest = 0
  for (let index = 0; index < 20000; index++) {
    const before = performance.now()
    sink.write('x'.repeat(1000) + '\\n')
    longest = Math.max(longest, performance.now() - before)
    if (index % 100 === 0) await new Promise(setImmediate)
  }
  await sink.flush(${flushMs})
  process.send({ longest, dropped: sink.dropped }, () => process.exit(0))
`

function startWriter(flushMs: number): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', writer(flushMs)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    cwd: join(import.meta.dirname, '../..'),
  })
}

describe('a process whose log', () => {
  it('is not read goes on, loses lines and still exits', async () => {
    const child = startWriter(50)
    child.stdout?.pause()
    const [result] = (await once(child, 'message')) as [{ longest: number; dropped: number }]
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(result.dropped).toBeGreaterThan(10_000)
    expect(result.longest).toBeLessThan(1000)
  })

  it('has lost its reader goes on and still exits', async () => {
    const child = startWriter(50)
    child.stdout?.destroy()
    const [result] = (await once(child, 'message')) as [{ dropped: number }]
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(result.dropped).toBeGreaterThan(10_000)
  })

  it('is read delivers every line that is not counted as lost', async () => {
    const child = startWriter(10_000)
    let bytes = 0
    child.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    const ended = once(child, 'close')
    const [result] = (await once(child, 'message')) as [{ dropped: number }]
    await ended
    expect(bytes).toBeGreaterThanOrEqual((20_000 - result.dropped) * 1001)
  })
})
