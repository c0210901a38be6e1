// Records in real stores: Azurite speaks Azure Blob, and moto S3. Each is given a record, refuses wrong credentials, and lets a person be erased.
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { recordsTarget } from '../../src/config/records-target.js'
import { Secret } from '../../src/config/secret.js'
import type { RecordStore } from '../../src/ports/records.js'
import { failureOf } from '../../src/records/failure.js'
import { openSpool } from '../../src/records/spool.js'
import { openRecordStore } from '../../src/records/store.js'
import { erased } from '../records/erased.js'

const AZURITE = fileURLToPath(new URL('./node_modules/.bin/azurite-blob', import.meta.url))
const MOTO = fileURLToPath(new URL('../../node_modules/.cache/realtime-relay-moto/bin/moto_server', import.meta.url))
/** Azurite's own, known to everybody. */
const ACCOUNT = 'devstoreaccount1'
const ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
const NAMES = ['2026-12-01/alice/s1/turns.jsonl', '2026-12-01/alice/s1/manifest.json', '2026-12-02/alice/s2/manifest.json', '2026-12-02/bob/s3/manifest.json']

let folder: string
const children: ChildProcess[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-stores-'))
  writeFileSync(join(folder, 'file'), 'words')
})
afterAll(async () => {
  for (const child of children) {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill()
    await gone
  }
  rmSync(folder, { recursive: true, force: true })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function running(command: string, args: readonly string[], port: number): Promise<void> {
  children.push(spawn(command, args, { stdio: 'ignore' }))
  await vi.waitFor(() => fetch(`http://127.0.0.1:${port}/`), { timeout: 30_000, interval: 100 })
}

function store(url: string, key?: string): Promise<RecordStore> {
  const parsed = recordsTarget(url)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return openRecordStore({ target: parsed.value, key: key === undefined ? undefined : new Secret(key) })
}

const file = () => ({ path: join(folder, 'file'), bytes: 5, contentType: 'application/jsonl' })

async function filled(to: RecordStore): Promise<void> {
  for (const name of NAMES) await to.put(name, file())
}

describe.skipIf(!existsSync(AZURITE))('Azure Blob, in Azurite (skipped if it is not installed)', () => {
  let url: string
  let container: ContainerClient
  beforeAll(async () => {
    const port = await freePort()
    await running(AZURITE, ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--location', join(folder, 'azurite'), '--silent', '--skipApiVersionCheck'], port)
    url = `http://127.0.0.1:${port}/${ACCOUNT}/records`
    container = new ContainerClient(url, new StorageSharedKeyCredential(ACCOUNT, ACCOUNT_KEY))
    await container.create()
  })

  it('keeps records, and loses those of one person alone', async () => {
    const to = await store(`${url}/of/calls`, ACCOUNT_KEY)
    await filled(to)
    expect((await container.getBlobClient(`of/calls/${NAMES[0]}`).downloadToBuffer()).toString()).toBe('words')
    expect((await erased(to, 'alice')).sort()).toEqual(['2026-12-01/alice/s1', '2026-12-02/alice/s2'])
    const left: string[] = []
    for await (const { name } of container.listBlobsFlat()) left.push(name)
    expect(left).toEqual(['of/calls/2026-12-02/bob/s3/manifest.json'])
    await to.close()
  })

  it.each([
    ['another account key', () => store(url, Buffer.alloc(64, 1).toString('base64')), 'refused'],
    ['no such container', () => store(`${url}none`, ACCOUNT_KEY), 'missing'],
  ] as const)('%s is told apart', async (_name, wrong, failure) => {
    const error: unknown = await (await wrong()).put('x/y', file()).catch((thrown: unknown) => thrown)
    expect(failureOf(error)).toBe(failure)
  })
})

describe.skipIf(!existsSync(MOTO))('S3, in moto (skipped if it is not installed)', () => {
  let url: string
  let client: S3Client
  beforeAll(async () => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' })
    const port = await freePort()
    await running(MOTO, ['-H', '127.0.0.1', '-p', String(port)], port)
    const endpoint = `http://127.0.0.1:${port}`
    url = `s3://records/of/calls?endpoint=${encodeURIComponent(endpoint)}&region=eu-north-1`
    client = new S3Client({ endpoint, region: 'eu-north-1', forcePathStyle: true })
    await client.send(new CreateBucketCommand({ Bucket: 'records', CreateBucketConfiguration: { LocationConstraint: 'eu-north-1' } }))
  })

  /** So many requests moto takes from anybody. */
  const trusts = (requests: string) => fetch(new URL('/moto-api/reset-auth', new URL(url).searchParams.get('endpoint') ?? ''), { method: 'POST', body: requests })

  it('keeps records, and loses those of one person alone', async () => {
    const to = await store(url)
    await filled(to)
    const got = await client.send(new GetObjectCommand({ Bucket: 'records', Key: `of/calls/${NAMES[0]}` }))
    expect(await got.Body?.transformToString()).toBe('words')
    expect((await erased(to, 'alice')).sort()).toEqual(['2026-12-01/alice/s1', '2026-12-02/alice/s2'])
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: 'records' }))
    expect(Contents?.map(({ Key }) => Key)).toEqual(['of/calls/2026-12-02/bob/s3/manifest.json'])
    await to.close()
  })

  it('refuses credentials: the record waits in the spool, goes once they are taken, and nothing is left lying', async () => {
    const to = await store(url)
    const dir = join(folder, 'spool')
    mkdirSync(dir)
    const told = new EventEmitter()
    const heard = (event: string) => once(told, event, { signal: AbortSignal.timeout(20_000) })
    const onStore = (failure: string | undefined) => told.emit(failure ?? 'works')
    const spool = await openSpool({ dir, store: to, mostBytes: 10_000, retryMs: 50, onStore, onStored: (name) => told.emit('stored', name) })
    const files = () => (readdirSync(dir, { recursive: true }) as string[]).filter((name) => /jsonl|json$/.test(name))
    await trusts('0')
    const refused = heard('refused')
    const record = await spool.begin({ person: 'carol', session: 's4', startedAt: Date.UTC(2026, 11, 3) })
    await record.write('turns.jsonl', Buffer.from('words'))
    await record.write('manifest.json', Buffer.from('{}'))
    record.finish()
    await refused
    expect([spool.waiting, files().length]).toEqual([1, 2])
    const stored = heard('stored')
    await trusts('inf')
    const [name] = (await stored) as [string]
    await spool.settled()
    expect([spool.waiting, files()]).toEqual([0, []])
    const got = await client.send(new GetObjectCommand({ Bucket: 'records', Key: `of/calls/${name}/turns.jsonl` }))
    expect(await got.Body?.transformToString()).toBe('words')
    await spool.close()
    expect(await erased(to, 'carol')).toEqual([name])
    await to.close()
  })

  it('names what it removed of a person before it is refused', async () => {
    const to = await store(url)
    await filled(to)
    const removed: string[] = []
    const erasing = async () => {
      for await (const name of to.erase?.('alice') ?? []) {
        removed.push(name)
        await trusts('0')
      }
    }
    expect(failureOf(await erasing().catch((thrown: unknown) => thrown))).toBe('refused')
    expect(removed).toEqual(['2026-12-01/alice/s1'])
    await trusts('inf')
    expect(await erased(to, 'alice')).toEqual(['2026-12-02/alice/s2'])
    await to.close()
  })

  it('says that there is no such bucket', async () => {
    const to = await store(url.replace('records', 'nowhere'))
    const error: unknown = await to.put('x/y', file()).catch((thrown: unknown) => thrown)
    expect(failureOf(error)).toBe('missing')
  })
})
