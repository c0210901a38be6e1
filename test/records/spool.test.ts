// The spool of records: what a killed process leaves is taken over once, what a store refuses waits, and nothing half-written is confirmed.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { RecordStore } from '../../src/ports/records.js'
import { eraseSpool } from '../../src/records/erase-spool.js'
import { RecordStoreError } from '../../src/records/failure.js'
import { openSpool, type Spool, type SpoolOptions } from '../../src/records/spool.js'
import { createFolderStore } from '../../src/records/stores/folder.js'
import { createHookStore } from '../../src/records/stores/hook.js'
import { erased } from './erased.js'

let dir: string
let spools: Spool[]

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'relay-spool-'))
  spools = []
})
afterEach(async () => {
  for (const spool of spools) await spool.close()
  rmSync(dir, { recursive: true })
})

async function opened(store: Pick<RecordStore, 'put'>, more: Partial<SpoolOptions> = {}): Promise<Spool> {
  const spool = await openSpool({ dir, store, mostBytes: 10_000, onStore: () => undefined, onStored: () => undefined, retryMs: 5, ...more })
  spools.push(spool)
  return spool
}

/** Without the process that kept it. */
const plain = (name: string) => name.replace(/\.[0-9a-f]{12}\//, '/')
const WHOLE = [`2026-12-01/${'a'.repeat(32)}/s1/turns.jsonl`, `2026-12-01/${'a'.repeat(32)}/s1/manifest.json`]

const SESSION = { person: 'a'.repeat(32), session: 's1', startedAt: Date.UTC(2026, 11, 1) }

async function put(spool: Spool, session = 's1'): Promise<void> {
  const record = await spool.begin({ ...SESSION, session })
  await record.write('turns.jsonl', Buffer.from('{}\n'))
  await record.write('manifest.json', Buffer.from('{}'))
  record.finish()
}

/** A store in memory that fails as long as it is told to. */
function store(): Pick<RecordStore, 'put'> & { readonly names: string[]; failing: RecordStoreError | undefined } {
  const self = {
    names: [] as string[],
    failing: undefined as RecordStoreError | undefined,
    async put(name: string) {
      if (self.failing) throw self.failing
      self.names.push(name)
    },
  }
  return self
}

describe('a spool', () => {
  it('gives the store the manifest last, and then forgets the record', async () => {
    const to = store()
    const spool = await opened(to)
    await put(spool)
    await spool.settled()
    expect(to.names.map(plain)).toEqual(WHOLE)
    expect([spool.waiting, spool.bytes]).toEqual([0, 0])
  })

  it.each(['refused', 'full', 'missing', 'away'] as const)('keeps a record while the store is %s, says so once, and delivers it later', async (failure) => {
    const to = store()
    to.failing = new RecordStoreError(failure)
    const told: unknown[] = []
    const spool = await opened(to, { onStore: (one) => told.push(one) })
    await put(spool)
    await vi.waitFor(() => expect(told).toEqual([failure]))
    expect(spool.waiting).toBe(1)
    to.failing = undefined
    await vi.waitFor(() => expect(spool.waiting).toBe(0))
    expect(told).toEqual([failure, undefined])
    expect(to.names).toHaveLength(2)
  })

  it('lets others pass a record that the store refuses', async () => {
    const to = store()
    const { put: taking } = to
    const spool = await opened({ put: async (name, file) => (name.includes('bad') ? Promise.reject(new RecordStoreError('refused')) : taking(name, file)) })
    await put(spool, 'bad')
    await put(spool, 'good')
    await vi.waitFor(() => expect(to.names).toHaveLength(2))
    expect(spool.waiting).toBe(1)
  })

  it('takes no more than it may hold', async () => {
    const to = store()
    to.failing = new RecordStoreError('away')
    const spool = await opened(to)
    const record = await spool.begin(SESSION)
    await record.write('turns.jsonl', Buffer.alloc(9000))
    await expect(record.write('manifest.json', Buffer.alloc(1001))).rejects.toThrow('no place')
    await record.write('turns.jsonl', Buffer.alloc(10_000))
    await expect(spool.begin({ ...SESSION, session: 's2' })).rejects.toThrow('no place')
  })

  it('takes over what a killed process left, half-written parts aside, and leaves a living one’s alone', async () => {
    const away = store()
    away.failing = new RecordStoreError('away')
    const killed = await opened(away)
    const record = await killed.begin(SESSION)
    await record.write('turns.jsonl', Buffer.from('{}\n'))
    await record.write('manifest.json', Buffer.from('{"end":"lost"}'))
    const [home = ''] = readdirSync(dir)
    writeFileSync(join(dir, home, readdirSync(join(dir, home)).find((name) => name !== 'alive') ?? '', 'turns.jsonl.part'), 'half')

    const to = store()
    const other = await opened(to, { goneMs: 60_000 })
    await other.settled()
    expect(to.names).toEqual([])
    // No sign of life for two minutes.
    utimesSync(join(dir, home, 'alive'), new Date(), new Date(Date.now() - 120_000))
    const third = await opened(to)
    await Promise.all([other.adopt(), third.adopt()])
    await Promise.all([other.settled(), third.settled()])
    expect(to.names.map(plain)).toEqual(WHOLE)
    expect(readdirSync(dir)).not.toContain(home)
  })

  it('records on after another process has taken it for dead', async () => {
    const to = store()
    const taken = await opened(to)
    const [home = ''] = readdirSync(dir)
    utimesSync(join(dir, home, 'alive'), new Date(), new Date(Date.now() - 120_000))
    const other = await opened(to)
    await other.settled()
    expect(existsSync(join(dir, home))).toBe(false)
    await Promise.all([put(taken), put(taken, 's2')])
    expect(existsSync(join(dir, home, 'alive'))).toBe(true)
    await taken.settled()
    expect(to.names.map(plain)).toEqual(expect.arrayContaining(WHOLE))
    expect(to.names).toHaveLength(4)
  })

  it('says again that it lives, at the next beat, and takes over what others left', async () => {
    const to = store()
    await opened(to, { goneMs: 90 })
    const [home = ''] = readdirSync(dir)
    rmSync(join(dir, home), { recursive: true })
    const left = join(dir, '0123456789ab', `2026-12-01~${'a'.repeat(32)}~s1`)
    mkdirSync(left, { recursive: true })
    for (const name of ['turns.jsonl', 'manifest.json']) writeFileSync(join(left, name), '{}')
    await vi.waitFor(() => expect(to.names).toEqual(WHOLE), 5000)
    expect(existsSync(join(dir, home, 'alive'))).toBe(true)
  })

  it('makes the folder of a running session again if all of it was taken away, and not if its person was erased', async () => {
    const to = store()
    const gone: number[] = []
    const spool = await opened(to, { onGone: (waiting) => void gone.push(waiting) })
    const record = await spool.begin(SESSION)
    const erased = await spool.begin({ ...SESSION, session: 's2' })
    for (const one of [record, erased]) await one.write('user-0001.wav', Buffer.alloc(100))
    rmSync(dir, { recursive: true })
    await record.write('turns.jsonl', Buffer.from('{}\n'))
    await record.write('manifest.json', Buffer.from('{}'))
    expect([record.remade, erased.remade, gone, spool.bytes]).toEqual([1, 0, [0], 105])
    await erased.write('turns.jsonl', Buffer.from('{}\n'))
    expect((await eraseSpool(dir, SESSION.person)).removed).toHaveLength(2)
    await expect(erased.write('turns.jsonl', Buffer.from('{}\n'))).rejects.toMatchObject({ code: 'ENOENT' })
    mkdirSync(join(dir, 'again'))
    record.finish()
    await spool.settled()
    expect(to.names).toEqual([])
  })

  it('is not there again after its end', async () => {
    const spool = await opened(store())
    const [home = ''] = readdirSync(dir)
    rmSync(join(dir, home), { recursive: true })
    const begins = spool.begin(SESSION)
    await Promise.all([spool.close(), begins.catch(() => undefined)])
    expect(readdirSync(dir)).toEqual([])
  })
})

describe('erasing', () => {
  const record = (process: string, person: string) => join(dir, process, `2026-12-01~${person}~s1`)

  it('removes what is of the person, and passes over what is no folder', async () => {
    for (const person of ['p', 'q']) mkdirSync(record('0123456789ab', person), { recursive: true })
    writeFileSync(join(dir, 'file'), '')
    expect(await eraseSpool(dir, 'p')).toEqual({ removed: ['2026-12-01/p/s1'], isWhole: true })
    expect(readdirSync(join(dir, '0123456789ab'))).toEqual(['2026-12-01~q~s1'])
  })

  it('says that a part cannot be read, and what it removed of the others', async () => {
    // Refused to root as well.
    symlinkSync('0123456789aa', join(dir, '0123456789aa'))
    mkdirSync(record('0123456789ab', 'p'), { recursive: true })
    expect(await eraseSpool(dir, 'p')).toEqual({ removed: ['2026-12-01/p/s1'], isWhole: false })
    expect(readdirSync(join(dir, '0123456789ab'))).toEqual([])
    expect(await eraseSpool(join(dir, 'nowhere'), 'p')).toEqual({ removed: [], isWhole: false })
  })
})

describe('a folder', () => {
  it('has a file as a whole or not at all, and loses days that are old', async () => {
    const root = join(dir, 'root')
    const to = createFolderStore(root)
    writeFileSync(join(dir, 'file'), 'words')
    for (const day of ['2026-11-01', '2026-12-01']) await to.put(`${day}/p/s/turns.jsonl`, { path: join(dir, 'file'), bytes: 5, contentType: 'text/plain' })
    await expect(to.put('2026-12-02/p/s/x', { path: join(dir, 'none'), bytes: 5, contentType: 'text/plain' })).rejects.toThrow()
    expect(readFileSync(join(root, '2026-12-01/p/s/turns.jsonl'), 'utf8')).toBe('words')
    expect(readdirSync(join(root, '2026-12-02/p/s'))).toEqual([])
    expect(await to.expire?.('2026-12-01')).toBe(1)
    expect(readdirSync(root)).toEqual(['2026-12-01', '2026-12-02'])
    expect(await erased(to, 'p')).toEqual(['2026-12-01/p/s', '2026-12-02/p/s'])
    expect(readdirSync(join(root, '2026-12-01'))).toEqual([])
  })
})

describe('a hook', () => {
  it('gets each file with its name, and confirms by 2xx alone', async () => {
    const got: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = []
    let status = 200
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      got.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(status, { location: '/elsewhere' }).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const to = createHookStore(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/records`), new Secret('token'))
    writeFileSync(join(dir, 'file'), 'words')
    const file = { path: join(dir, 'file'), bytes: 5, contentType: 'application/jsonl' }
    await to.put('2026-12-01/p/s/turns.jsonl', file)
    expect(got[0]).toMatchObject({ headers: { 'relay-record': '2026-12-01/p/s/turns.jsonl', 'content-type': 'application/jsonl', authorization: 'Bearer token' }, body: 'words' })
    for (const [one, failure] of [
      [401, 'refused'],
      [507, 'full'],
      [404, 'missing'],
      [500, 'away'],
    ] as const) {
      status = one
      await expect(to.put('x', file)).rejects.toMatchObject({ failure })
    }
    status = 302
    await expect(to.put('x', file)).rejects.toThrow()
    server.close()
  })
})
