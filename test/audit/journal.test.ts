// The audit's files: what is recorded is on disk in order, chained and signed; nothing that cannot be written is lost without a record of it.
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { appendFile, open, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { chainFiles, readChain } from '../../src/audit/files.js'
import { type AuditJournal, openJournal } from '../../src/audit/journal.js'
import { verifyAudit } from '../../src/audit/verify.js'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')

let dir: string
let anchors: string[]
let journals: AuditJournal[]

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'relay-audit-'))
  anchors = []
  journals = []
})
afterEach(async () => {
  for (const one of journals) await one.close()
  rmSync(dir, { recursive: true })
})

async function opened(change: Partial<Parameters<typeof openJournal>[0]> = {}): Promise<AuditJournal> {
  const journal = await openJournal({
    dir,
    key: privateKey,
    anchors: [async (note) => void anchors.push(note)],
    now: Date.now,
    onWritable: () => undefined,
    onUnanchored: () => undefined,
    ...change,
  })
  journals.push(journal)
  return journal
}

async function verdict(kept: readonly string[] = anchors) {
  const chains = await Promise.all((await chainFiles(dir)).map(async (file) => ({ name: file.slice(dir.length + 1), ...(await readChain(file)) })))
  return verifyAudit(chains, kept, publicKey)
}

async function linesOf(index = 0): Promise<readonly Record<string, unknown>[]> {
  const file = (await chainFiles(dir))[index] ?? ''
  return (await readChain(file)).text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('a journal', () => {
  it('has every record in order between its beginning and its end, and is whole and anchored when it is closed', async () => {
    const journal = await opened()
    for (let n = 0; n < 50; n++) journal.record('tool', { session: 's1', name: 'get_weather', ms: n })
    await journal.close()
    const lines = await linesOf()
    expect(lines.map(({ kind }) => kind)).toEqual(['begun', ...Array(50).fill('tool'), 'closed'])
    expect(lines.slice(1, -1).map(({ ms }) => ms)).toEqual([...Array(50).keys()])
    expect(await verdict()).toEqual({ records: 52, chains: 1, findings: [] })
  })

  it('keeps what is recorded while it writes, in order', async () => {
    const journal = await opened()
    for (let n = 0; n < 600; n++) {
      journal.record('tool', { n })
      if (n % 3 === 0) await new Promise(setImmediate)
    }
    await journal.close()
    expect((await linesOf()).filter(({ kind }) => kind === 'tool').map(({ n }) => n)).toEqual([...Array(600).keys()])
    expect((await verdict()).findings).toEqual([])
  })

  it('goes on from the last chain that has a line, also past an empty file that a crash left behind', async () => {
    const first = await opened()
    await first.close()
    await writeFile(join(dir, '9999-01-01-relay-00000000-1.jsonl'), '')
    const second = await opened()
    await second.close()
    const begun = (await Promise.all((await chainFiles(dir)).map(async (file) => (await readChain(file)).text.split('\n')[0] ?? ''))).filter((line) => line !== '')
    expect(begun.filter((line) => (JSON.parse(line) as { afterChain: string }).afterChain !== '')).toHaveLength(1)
  })

  it('is whole and unanchored without the checkpoints that went elsewhere', async () => {
    const journal = await opened()
    journal.record('refused', { code: 'unauthenticated' })
    await journal.close()
    expect((await verdict([])).findings).toMatchObject([{ type: 'unanchored', line: 0 }])
  })

  it('goes on from the chain before it, so that a file that was taken away is missed', async () => {
    const first = await opened()
    await first.close()
    const second = await opened()
    await second.close()
    expect((await verdict()).findings).toEqual([])
    const index = (await linesOf(0))[0]?.afterChain === '' ? 0 : 1
    rmSync(`${(await chainFiles(dir))[index]}.jsonl`)
    expect((await verdict()).findings.map(({ what }) => what)).toEqual(expect.arrayContaining([expect.stringContaining('has checkpoints elsewhere, and no file')]))
    expect((await verdict([])).findings.map(({ what }) => what)).toEqual(expect.arrayContaining([expect.stringContaining('which has no file')]))
  })

  it('begins another file when one is full, and every file is whole', async () => {
    const journal = await opened({ mostBytes: 4000 })
    // Each thousandth record brings a checkpoint, and with it the look at the size.
    for (let n = 0; n < 5000; n++) {
      journal.record('tool', { n })
      if (n % 500 === 0) await journal.flush()
    }
    await journal.close()
    const files = await chainFiles(dir)
    expect(files.length).toBeGreaterThan(2)
    expect((await verdict()).findings).toEqual([])
    const all = (await Promise.all(files.map((_, index) => linesOf(index)))).flat().filter(({ kind }) => kind === 'tool')
    expect(all.map(({ n }) => Number(n)).sort((a, b) => a - b)).toEqual([...Array(5000).keys()])
  })

  it('says that it cannot write, keeps what waits, and records how much found no place', async () => {
    const told: [boolean, string][] = []
    const journal = await opened({ onWritable: (writable, code) => void told.push([writable, code]) })
    await journal.flush()
    const [file = ''] = await chainFiles(dir)
    // No system call can write to a handle whose file is limited: the handle itself is made to fail, as on a full disk.
    const handle = await open(`${file}.jsonl`, 'r')
    await handle.close()
    const proto = Object.getPrototypeOf(handle)
    const real = proto.appendFile
    proto.appendFile = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
    try {
      for (let n = 0; n < 12_000; n++) journal.record('tool', { n })
      await journal.flush()
      expect(journal.writable).toBe(false)
      expect(told).toEqual([[false, 'ENOSPC']])
      expect(journal.lost).toBe(2000)
    } finally {
      proto.appendFile = real
    }
    await journal.flush()
    expect(told).toEqual([
      [false, 'ENOSPC'],
      [true, ''],
    ])
    await journal.close()
    const lines = await linesOf()
    expect(lines.filter(({ kind }) => kind === 'tool')).toHaveLength(10_000)
    expect(lines.filter(({ kind }) => kind === 'lost')).toMatchObject([{ records: 2000 }])
    expect((await verdict()).findings).toEqual([])
  })

  it('cuts off what a failed write left behind, so that no record stands twice', async () => {
    const journal = await opened()
    await journal.flush()
    const [file = ''] = await chainFiles(dir)
    await appendFile(`${file}.jsonl`, '{"half":')
    journal.record('tool', { n: 1 })
    await journal.close()
    expect((await verdict()).findings).toEqual([])
  })

  it('is not writable while its folder is gone, which shows also if nothing is recorded, and puts back what was written when there is one', async () => {
    const told: [boolean, string][] = []
    const journal = await opened({ onWritable: (writable, code) => void told.push([writable, code]) })
    journal.record('tool', { n: 1 })
    await journal.flush()
    rmSync(dir, { recursive: true })
    await vi.waitFor(() => expect(journal.writable).toBe(false), 5000)
    journal.record('tool', { n: 2 })
    await journal.flush()
    mkdirSync(dir)
    await vi.waitFor(() => expect(journal.writable).toBe(true), 5000)
    expect(told).toEqual([
      [false, 'ENOENT'],
      [true, ''],
    ])
    await journal.close()
    expect((await linesOf()).filter(({ kind }) => kind === 'tool').map(({ n }) => n)).toEqual([1, 2])
    expect((await verdict()).findings).toEqual([])
  })

  it('puts back a file that was taken away, with its checkpoints', async () => {
    const journal = await opened()
    for (let n = 0; n < 1500; n++) journal.record('tool', { n })
    await journal.flush()
    const [file = ''] = await chainFiles(dir)
    rmSync(`${file}.jsonl`)
    journal.record('tool', { n: 1500 })
    await journal.flush()
    rmSync(`${file}.checkpoints`)
    await journal.close()
    expect((await linesOf()).filter(({ kind }) => kind === 'tool')).toHaveLength(1501)
    expect((await verdict()).findings).toEqual([])
  })

  it('rejects a folder that cannot be written', async () => {
    writeFileSync(join(dir, 'file'), '')
    await expect(opened({ dir: join(dir, 'file') })).rejects.toThrow()
  })
})

describe('after a crash', () => {
  it('a line that is not whole is told, and the next chain goes on from the last whole one', async () => {
    const first = await opened()
    first.record('tool', { n: 1 })
    await first.close()
    const [file = ''] = await chainFiles(dir)
    await writeFile(`${file}.jsonl`, `${await readFile(`${file}.jsonl`, 'utf8')}{"at":"20`)
    const second = await opened()
    await second.close()
    expect((await verdict()).findings).toMatchObject([{ type: 'unanchored', what: 'the last line is not whole, as after a crash' }])
  })
})
