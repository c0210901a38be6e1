// What can be said of the browser kit without a browser: its size, its types, and words for everything that a relay refuses.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { problemIn, problemOf } from '../../src/browser/trouble.js'
import { type Advice, refusalCodes, refusalEntry, toErrorBody, toErrorEvent } from '../../src/core/protocol/errors.js'
import { readDocument } from '../docs/documents.js'
import { REFUSAL_NOTES } from '../docs/refusals.js'
import { builtRelay } from '../support/built-relay.js'

const MOST_BYTES = 6000
const ROOT = fileURLToPath(new URL('../../', import.meta.url))

describe('the kit as one file', () => {
  let text = ''
  beforeAll(async () => {
    text = readFileSync(join(await builtRelay(), 'browser/kit.min.js'), 'utf8')
  })

  it(`has at most ${MOST_BYTES} bytes minified and compressed, and the documents say how many`, () => {
    const { length } = gzipSync(text, { level: 9 })
    expect(length).toBeLessThanOrEqual(MOST_BYTES)
    const said = Number(/(\d),(\d{3}) bytes minified and compressed/.exec(readDocument('src/browser/README.md'))?.slice(1).join(''))
    // Each Node compresses a little differently.
    expect(Math.abs(said - length)).toBeLessThan(30)
  })

  it('depends on nothing, and makes no code of text', () => {
    expect(text).not.toMatch(/\bimport\b|\brequire\b|\beval\b|\bFunction\(/)
  })

  it('comes back in at most 155 lines of code, as the document says', () => {
    const lines = ['resuming', 'line'].flatMap((name) => readFileSync(join(ROOT, `src/browser/${name}.ts`), 'utf8').split('\n'))
    expect(lines.filter((line) => /\S/.test(line) && !/^\s*(\/\/|\/\*|\*)/.test(line)).length).toBeLessThanOrEqual(155)
    expect(readDocument('src/core/session/README.md')).toContain('at most 155 lines of code')
  })

  it('has its worklet beside it, and in it', () => {
    const worklet = readFileSync(join(ROOT, 'src/browser/worklet.ts'), 'utf8')
    expect(worklet).toMatch(/`[^`]*`\n$/)
    expect(text).toContain('extends AudioWorkletProcessor')
  })
})

describe('a problem', () => {
  const DOES: Readonly<Record<Advice, RegExp>> = {
    new_token: /token\(\)/,
    stop: /quota|operator|other connection/,
    fix_client: /Mend|Check url|token\(\)|send less/,
    back_off: /later/,
    reconnect: /later|Open again/,
    on_user_action: /Open again/,
    new_session: /Open again/,
  }

  it.each(refusalCodes())('says what to do when a relay closes with %s', (code) => {
    const { closeCode, advice, message } = refusalEntry(code)
    expect(problemOf(closeCode, message)).toMatchObject({ code: closeCode, message, fatal: false })
    expect(problemOf(closeCode, message).advice).toMatch(DOES[advice])
    // Something between page and relay may have closed: then there are no words of the relay's.
    expect(problemOf(closeCode).message).toMatch(/\w{4}/)
  })

  const early = refusalCodes().filter((code) => REFUSAL_NOTES[code].when !== 'after')
  it.each(early)('says what to do when a call is refused with %s', (code) => {
    const { httpStatus, advice } = refusalEntry(code)
    const { error } = toErrorBody(code)
    expect(problemOf(httpStatus === 503 ? 1013 : 4000 + httpStatus, error.message).advice).toMatch(code === 'draining' ? /later/ : DOES[advice])
  })

  it.each(refusalCodes())('says what a session that goes on is told with %s', (code) => {
    const { error } = toErrorEvent(code, { eventId: 'e' }) as unknown as { error: { type: string; code: string; message: string } }
    const { errorType, message } = refusalEntry(code)
    const waits = errorType === 'rate_limit_error' || errorType === 'server_error'
    expect(problemIn(error)).toMatchObject({ code, message, fatal: false, cause: error })
    expect(problemIn(error).advice).toMatch(waits ? /later/ : /Mend/)
  })

  it.each(['lost', 'address', 'token', 'new_session', 'missed', 'full', 'autoplay', 'sound', 'worklet', 'device_lost', 1006])('has words of its own for %s', (code) => {
    const { message, advice } = problemOf(code)
    expect(message).not.toMatch(/^The session was closed/)
    expect(advice).toMatch(/\w{3}/)
  })

  it.each(['InsecureContext', 'NotAllowedError', 'NotFoundError', 'NotReadableError', 'OverconstrainedError', 'AbortError'])(
    'says something about the microphone after %s',
    (name) => {
      expect(problemOf(name).advice).toMatch(/\w{3}/)
    },
  )

  it('is described in the document', () => {
    const source = readFileSync(join(ROOT, 'src/browser/trouble.ts'), 'utf8')
    const codes = [...source.matchAll(/^ {2}(\w+): \[/gm)].map(([, code]) => code)
    expect(codes.length).toBeGreaterThan(20)
    const rows = readDocument('src/browser/README.md')
    expect(codes.filter((code) => !rows.includes(`\`${code}\``))).toEqual([])
  })
})

describe('its types', () => {
  /** Each line alone must be right, or wrong, in a page that has the kit. */
  const RIGHT = [
    `relay.on('response.done', (event) => event.response.status)`,
    `relay.on('response.output_audio_transcript.delta', ({ delta }) => delta.toUpperCase())`,
    `relay.on('relay.tool.finished', ({ name, ok }) => name + ok)`,
    `relay.on('*', (event) => event.type)`,
    `relay.on('sent', (event) => event.type)`,
    `relay.on('state', (state) => state === 'away')`,
    `relay.on('problem', ({ code, message, advice, fatal }) => [code, message, advice, fatal])`,
    `relay.on('speaking', (speaks) => speaks === true)`,
    `const off: () => void = relay.on('listening', () => undefined)`,
    `relay.send({ type: 'response.create', response: { metadata: { a: 'b' } } })`,
    `relay.send({ type: 'relay.quota.get' })`,
    `connect({ url: 'wss://relay.example.com/v1/realtime', token: async () => 'a' })`,
    `const done: Promise<void> = relay.talk()`,
  ]
  const WRONG = [
    `relay.on('response.finished', () => undefined)`,
    `relay.on('response.done', (event) => event.respnse)`,
    `relay.on('response.done', (event) => event.delta)`,
    `relay.on('state', (state) => state === 'gone')`,
    `relay.on('problem', ({ hint }) => hint)`,
    `relay.send({ type: 'response.crate' })`,
    `relay.send({ type: 'relay.tool.approval', id: 'a' })`,
    `connect({ url: 'wss://relay.example.com/v1/realtime' })`,
    `connect({ url: 'wss://relay.example.com/v1/realtime', token: () => 'a', transport: 'sip' })`,
    `relay.state = 'open'`,
  ]

  it('let through what is right, and nothing else', () => {
    const folder = mkdtempSync(join(tmpdir(), 'relay-kit-types-'))
    const head = [`import { connect } from '${ROOT}src/browser/browser.js'`, `const relay = connect({ url: 'wss://relay.example.com/v1/realtime', token: () => 'a' })`]
    const write = (name: string, lines: readonly string[]) => writeFileSync(join(folder, name), `${[...head, ...lines].join('\n')}\n`)
    write('right.ts', RIGHT)
    WRONG.forEach((line, at) => void write(`wrong-${at}.ts`, [line]))
    const options = {
      target: 'ES2022',
      lib: ['ES2022', 'DOM', 'DOM.Iterable'],
      module: 'NodeNext',
      moduleResolution: 'NodeNext',
      types: [],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    let told = ''
    try {
      execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false'], { encoding: 'utf8' })
    } catch (error) {
      told = (error as { stdout: string }).stdout
    }
    rmSync(folder, { recursive: true, force: true })
    const files = [...told.matchAll(/^(?:.*\/)?([\w-]+\.ts)\(/gm)].map(([, name]) => name)
    expect([...new Set(files)].sort()).toEqual(WRONG.map((_, at) => `wrong-${at}.ts`).sort())
  })
})
