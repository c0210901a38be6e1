// Where records wait for their store: a folder of each process, taken over by another if the process is gone, emptied as the store confirms.
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordStore, StoreFailure } from '../ports/records.js'
import { failureOf } from './failure.js'
import { ALIVE, createHome } from './home.js'

export interface SpoolOptions {
  /** It exists. */
  readonly dir: string
  readonly store: Pick<RecordStore, 'put'>
  readonly mostBytes: number
  /** Told once when the store begins to fail, and once when it works again. */
  readonly onStore: (failure: StoreFailure | undefined) => void
  /** The store has confirmed all of it. `manifest`: its bytes. */
  readonly onStored: (name: string, manifest: Buffer) => void
  /** The folder was gone, with so many records that waited in it: another process took it over, or they are lost. */
  readonly onGone?: (waiting: number) => void
  /** A process that has not been heard of for so long is gone. */
  readonly goneMs?: number
  readonly retryMs?: number
}

export interface SpooledRecord {
  /** Replaces the file as a whole. Rejects if the spool is full or the disk takes no more. */
  write(name: string, bytes: Uint8Array): Promise<void>
  /** So often its folder was gone with the whole spool, and was made again: what was written before is not in it. */
  readonly remade: number
  /** Nothing more comes: it may go to the store. */
  finish(): void
}

export interface Spool {
  /** Rejects if there is no place. */
  begin(record: { readonly person: string; readonly session: string; readonly startedAt: number }): Promise<SpooledRecord>
  readonly waiting: number
  readonly bytes: number
  /** Takes over what processes that are gone have left. */
  adopt(): Promise<void>
  /** Everything finished was tried once since the call. */
  settled(): Promise<void>
  /** What is not confirmed by now waits for the next process. */
  close(): Promise<void>
}

const GONE_MS = 60_000
const RETRY_MS = 1000
const MOST_RETRY_MS = 60_000
const MOST_RECORDS = 10_000
const MANIFEST = 'manifest.json'
/** Of an unfinished write. It is never part of a record. */
const PART = '.part'

/** Rejects if the folder cannot be written. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const goneMs = options.goneMs ?? GONE_MS
  const instance = randomBytes(6).toString('hex')
  const home = join(options.dir, instance)
  const queue: string[] = []
  const sizes = new Map<string, number>()
  let bytes = 0
  let failing: StoreFailure | undefined
  let retryMs = options.retryMs ?? RETRY_MS
  let retry: NodeJS.Timeout | undefined
  let work: Promise<void> = Promise.resolve()
  let closed = false

  const own = await createHome(home, () => options.onGone?.(queue.length))
  const beat = setInterval(() => {
    own
      .living()
      .then(adopt)
      .catch(() => undefined)
  }, goneMs / 3).unref()

  /** Whether a record's folder was made again. If it alone is gone, its person was erased. */
  async function isRemade(folder: string, madeIn: number, error: unknown): Promise<boolean> {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || closed) return false
    await own.living()
    if (madeIn === own.made) return false
    await mkdir(join(home, folder), { recursive: true, mode: 0o700 })
    return true
  }

  async function replace(path: string, content: Uint8Array): Promise<void> {
    await writeFile(`${path}${PART}`, content, { mode: 0o600, flush: true })
    await rename(`${path}${PART}`, path)
  }

  function counted(name: string, now: number): void {
    bytes += now - (sizes.get(name) ?? 0)
    if (now === 0) sizes.delete(name)
    else sizes.set(name, now)
  }

  async function send(folder: string): Promise<void> {
    const dir = join(home, folder)
    const files = (await readdir(dir).catch(unlessMissing)).filter((name) => !name.endsWith(PART))
    const name = folder.replaceAll('~', '/')
    // A store that has the manifest has everything that it names.
    for (const file of [...files.filter((one) => one !== MANIFEST), ...files.filter((one) => one === MANIFEST)]) {
      const path = join(dir, file)
      const contentType = file === MANIFEST ? 'application/json' : file.endsWith('.jsonl') ? 'application/jsonl' : 'application/octet-stream'
      await options.store.put(`${name}/${file}`, { path, bytes: (await stat(path)).size, contentType })
    }
    const manifest = await readFile(join(dir, MANIFEST)).catch(() => Buffer.alloc(0))
    await rm(dir, { recursive: true, force: true })
    counted(folder, 0)
    // An erased one is gone from here as well.
    if (manifest.length > 0) options.onStored(name, manifest)
  }

  async function drain(): Promise<void> {
    for (let folder = queue[0]; folder !== undefined && !closed; folder = queue[0]) {
      try {
        await send(folder)
        queue.shift()
        tell(undefined)
        retryMs = options.retryMs ?? RETRY_MS
      } catch (error) {
        tell(failureOf(error))
        // The next one is tried first: one record that a store refuses does not keep the others.
        queue.push(...queue.splice(0, 1))
        if (!closed) retry ??= setTimeout(again, retryMs).unref()
        retryMs = Math.min(MOST_RETRY_MS, retryMs * 2)
        return
      }
    }
  }

  function again(): void {
    retry = undefined
    work = work.then(drain)
  }

  function tell(failure: StoreFailure | undefined): void {
    if (failure === failing) return
    failing = failure
    options.onStore(failure)
  }

  function enqueue(folder: string): void {
    queue.push(folder)
    if (!retry) work = work.then(drain)
  }

  async function adopt(): Promise<void> {
    for (const other of await readdir(options.dir)) {
      if (closed || other === instance || !/^[0-9a-f]{12}$/.test(other)) continue
      const theirs = join(options.dir, other)
      const seen = await stat(join(theirs, ALIVE)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      )
      if (Date.now() - seen < goneMs) continue
      for (const folder of (await readdir(theirs).catch(() => [])).filter((name) => name !== ALIVE)) await take(theirs, folder)
      await rm(join(theirs, ALIVE), { force: true })
      await rmdir(theirs).catch(() => undefined)
    }
  }

  /** Renaming has one winner, if several processes want it. */
  async function take(theirs: string, folder: string): Promise<void> {
    try {
      await rename(join(theirs, folder), join(home, folder))
    } catch {
      return
    }
    const files = await readdir(join(home, folder))
    const found = await Promise.all(files.map((file) => stat(join(home, folder, file))))
    counted(
      folder,
      found.reduce((sum, { size }) => sum + size, 0),
    )
    enqueue(folder)
  }

  await adopt()
  return {
    async begin({ person, session, startedAt }) {
      if (closed || bytes >= options.mostBytes || sizes.size >= MOST_RECORDS) throw new Error('no place')
      await own.living()
      // A session that moves, or a call that is adopted, is kept by several processes.
      const named = `${session}.${instance}`
      const folder = `${new Date(startedAt).toISOString().slice(0, 10)}~${person}~${named.replace(/[^A-Za-z0-9_.-]/g, '_')}`
      await mkdir(join(home, folder), { mode: 0o700 })
      const written = new Map<string, number>()
      let madeIn = own.made
      let remade = 0
      return {
        get remade() {
          return remade
        },
        async write(name, content) {
          const more = content.length - (written.get(name) ?? 0)
          if (more > 0 && bytes + more > options.mostBytes) throw new Error('no place')
          const path = join(home, folder, name)
          await replace(path, content).catch(async (error: unknown) => {
            if (!(await isRemade(folder, madeIn, error))) throw error
            madeIn = own.made
            remade++
            written.clear()
            await replace(path, content)
          })
          written.set(name, content.length)
          counted(
            folder,
            [...written.values()].reduce((sum, one) => sum + one, 0),
          )
        },
        finish: () => enqueue(folder),
      }
    },
    get waiting() {
      return queue.length
    },
    get bytes() {
      return bytes
    },
    adopt,
    settled: () => work,
    async close() {
      closed = true
      clearInterval(beat)
      clearTimeout(retry)
      await work
      await own.close()
    },
  }
}

/** Somebody was erased meanwhile. */
function unlessMissing(error: NodeJS.ErrnoException): readonly string[] {
  if (error.code === 'ENOENT') return []
  throw error
}
