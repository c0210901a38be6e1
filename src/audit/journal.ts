// Writes one chain of the audit to files: lines in order behind a bounded queue, and checkpoints that are signed and sent elsewhere.
import { type KeyObject, randomBytes } from 'node:crypto'
import { type ChainFile, createChainFile, discardChainFile, present } from './chain-file.js'
import { originOf, signCheckpoint } from './checkpoint.js'
import { lastHeadIn } from './files.js'
import { type AuditFields, type Head, NO_LINE, nextLine } from './record.js'
import { emptyTree, rootOf, type Tree, withLeaf } from './tree.js'

/** Takes a signed checkpoint out of this machine's hands. Bounded in time; may reject. */
export type Anchor = (note: string) => Promise<void>

export interface JournalOptions {
  /** It exists. Several processes may write into it, each its own files. */
  readonly dir: string
  readonly key: KeyObject
  readonly anchors: readonly Anchor[]
  readonly now: () => number
  /** Told once when writing begins to fail, and once when it works again. `code`: of the system's error. */
  readonly onWritable: (writable: boolean, code: string) => void
  /** A checkpoint could not be taken elsewhere. */
  readonly onUnanchored: () => void
  /** Of a file, before the next one is begun. */
  readonly mostBytes?: number
}

export interface AuditJournal {
  record(kind: string, fields: AuditFields): void
  /** False: what is recorded now waits, or is lost if it has waited for long. */
  readonly writable: boolean
  /** Records that found no place in the queue. Each loss is recorded as soon as there is place. */
  readonly lost: number
  /** Resolves when everything recorded so far is on disk, or could not be written. */
  flush(): Promise<void>
  /** The last checkpoint is written and anchored, if that works. */
  close(): Promise<void>
}

const MOST_WAITING = 10_000
const MOST_BYTES = 64 * 1024 * 1024
const CHECKPOINT_MS = 60_000
const CHECKPOINT_RECORDS = 1000
const RETRY_MS = 1000
/** Within so much time it is noticed that the folder is gone, also while nothing is recorded. */
const LOOK_MS = 1000

/** Rejects if the folder cannot be written. */
export async function openJournal(options: JournalOptions): Promise<AuditJournal> {
  const { dir, key, anchors, now } = options
  const relay = randomBytes(4).toString('hex')
  let files = 0
  let file: ChainFile | undefined
  let head: Head = { size: 0, hash: NO_LINE }
  /** Over what is written. */
  let tree: Tree = emptyTree
  /** Chained, and not written. */
  let waiting: string[] = []
  let lost = 0
  let untold = 0
  let writable = true
  let checkpointed = 0
  let work: Promise<void> = Promise.resolve()
  /** The last checkpoint is where it should be, or could not be taken there. */
  let anchored: Promise<unknown> = Promise.resolve()
  let scheduled = false
  let retry: NodeJS.Timeout | undefined
  let closed = false

  const before = await lastHeadIn(dir)
  use(await create(), before)
  await write()
  const timer = setInterval(() => run(checkpoint), CHECKPOINT_MS).unref()
  const looks = setInterval(() => run(write), LOOK_MS).unref()

  function create(): Promise<ChainFile> {
    return createChainFile(dir, relay, ++files, now())
  }

  /** A chain begins with where the one before stood, so that whole files cannot be taken away unseen. */
  function use(next: ChainFile, after: { readonly chain: string; readonly hash: string } | undefined): void {
    file = next
    head = { size: 0, hash: NO_LINE }
    tree = emptyTree
    checkpointed = 0
    chained('begun', { after: after?.hash ?? NO_LINE, afterChain: after?.chain ?? '' })
  }

  function chained(kind: string, fields: AuditFields): void {
    if (!file) return
    const next = nextLine(file.chain, head, kind, fields, now())
    head = next.head
    waiting.push(next.line)
  }

  /** What was written into a file that nobody can find is lost, and writing to it succeeds. */
  async function write(): Promise<void> {
    if (!file) return
    file = await present(file)
    if (waiting.length === 0) return
    // What is recorded meanwhile waits in a list of its own.
    const batch = waiting
    waiting = []
    try {
      const bytes = Buffer.from(batch.map((line) => `${line}\n`).join(''))
      await file.lines.truncate(file.bytes)
      await file.lines.appendFile(bytes)
      file.bytes += bytes.length
    } catch (error) {
      waiting = [...batch, ...waiting]
      throw error
    }
    for (const line of batch) tree = withLeaf(tree, line)
  }

  async function checkpoint(): Promise<void> {
    await write()
    if (!file) return
    await sign(file)
    if (!closed && file.bytes >= (options.mostBytes ?? MOST_BYTES)) await rotate(file)
  }

  async function sign(to: ChainFile): Promise<void> {
    if (tree.size === checkpointed) return
    await to.lines.datasync()
    const { size } = tree
    const note = signCheckpoint({ origin: originOf(to.chain), size, root: rootOf(tree) }, key)
    const bytes = Buffer.from(`${note}\n`)
    await to.notes.truncate(to.notesBytes)
    await to.notes.appendFile(bytes)
    to.notesBytes += bytes.length
    checkpointed = size
    anchored = Promise.all(anchors.map((anchor) => anchor(note).catch(options.onUnanchored)))
  }

  /** What is recorded meanwhile still belongs to the file that is full. */
  async function rotate(full: ChainFile): Promise<void> {
    const next = await create()
    try {
      while (waiting.length > 0 || tree.size > checkpointed) {
        await write()
        await sign(file ?? full)
      }
    } catch (error) {
      await discardChainFile(next)
      throw error
    }
    const { chain, lines, notes } = file ?? full
    use(next, { chain, hash: head.hash })
    await Promise.all([lines.close(), notes.close()])
    await write()
  }

  /** One after another. A failure is retried, with everything that still waits. */
  function run(task: () => Promise<void>): Promise<void> {
    work = work.then(async () => {
      try {
        await task()
        tell(true, '')
        if (untold > 0 && !closed) {
          tellLost()
          await write()
        }
      } catch (error) {
        tell(false, codeOf(error))
        if (!closed) retry ??= setTimeout(again, RETRY_MS)
      }
    })
    return work
  }

  function tellLost(): void {
    if (untold > 0) chained('lost', { records: untold })
    untold = 0
  }

  function again(): void {
    retry = undefined
    run(checkpoint)
  }

  function tell(now: boolean, code: string): void {
    if (now === writable) return
    writable = now
    options.onWritable(now, code)
  }

  return {
    record(kind, fields) {
      if (waiting.length >= MOST_WAITING || closed) {
        lost++
        untold++
        return
      }
      chained(kind, fields)
      if (scheduled) return
      scheduled = true
      setImmediate(() => {
        scheduled = false
        run(head.size - checkpointed >= CHECKPOINT_RECORDS ? checkpoint : write)
      })
    },
    get writable() {
      return writable && waiting.length < MOST_WAITING
    },
    get lost() {
      return lost
    },
    flush: () => run(write),
    async close() {
      if (closed) return
      tellLost()
      chained('closed', {})
      closed = true
      clearInterval(timer)
      clearInterval(looks)
      clearTimeout(retry)
      await run(checkpoint)
      await Promise.all([anchored, file?.lines.close(), file?.notes.close()])
    },
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'unknown'
}
