// The two open files of one chain of the audit: its lines and its checkpoints. If somebody takes them away, what was written goes back to its place.
import { access, type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'

export interface ChainFile {
  readonly lines: FileHandle
  readonly notes: FileHandle
  /** Path of both, without their endings. */
  readonly name: string
  readonly chain: string
  /** Bytes of whole lines. What a failed write left behind them is cut off before the next one. */
  bytes: number
  notesBytes: number
}

export async function createChainFile(dir: string, relay: string, number: number, now: number): Promise<ChainFile> {
  const name = join(dir, `${new Date(now).toISOString().slice(0, 10)}-relay-${relay}-${number}`)
  const { lines, notes } = await openBoth(name)
  return { lines, notes, name, chain: `relay-${relay}/${number}`, bytes: 0, notesBytes: 0 }
}

/** Nothing was written into it. */
export async function discardChainFile({ lines, notes, name }: ChainFile): Promise<void> {
  await Promise.all([lines.close(), notes.close()])
  await Promise.all([unlink(`${name}.jsonl`), unlink(`${name}.checkpoints`)])
}

/** The same, or one of the same name with all that was written. Rejects while there is no folder for it. */
export async function present(file: ChainFile): Promise<ChainFile> {
  const { name, bytes, notesBytes } = file
  const [hasLines, hasNotes] = await Promise.all([isThere(`${name}.jsonl`), isThere(`${name}.checkpoints`)])
  if (hasLines && hasNotes) return file
  const lines = hasLines ? file.lines : await restored(`${name}.jsonl`, file.lines, bytes)
  try {
    const notes = hasNotes ? file.notes : await restored(`${name}.checkpoints`, file.notes, notesBytes)
    await Promise.all([hasLines || file.lines.close(), hasNotes || file.notes.close()])
    return { ...file, lines, notes }
  } catch (error) {
    if (!hasLines) await dropped(`${name}.jsonl`, lines)
    throw error
  }
}

async function openBoth(name: string): Promise<Pick<ChainFile, 'lines' | 'notes'>> {
  const lines = await open(`${name}.jsonl`, 'ax+', 0o600)
  const notes = await open(`${name}.checkpoints`, 'ax+', 0o600).catch(async (error: unknown) => {
    await dropped(`${name}.jsonl`, lines)
    throw error
  })
  return { lines, notes }
}

/** A file that was removed is still read through its handle. */
async function restored(path: string, from: FileHandle, bytes: number): Promise<FileHandle> {
  const content = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await from.read(content, at, bytes - at, at)
    if (bytesRead === 0) throw new Error('what was written cannot be read')
    at += bytesRead
  }
  const into = await open(path, 'ax+', 0o600)
  try {
    await into.appendFile(content)
    return into
  } catch (error) {
    await dropped(path, into)
    throw error
  }
}

async function dropped(path: string, handle: FileHandle): Promise<void> {
  await handle.close()
  await unlink(path).catch(() => undefined)
}

/** Rejects if that cannot be told. */
function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
}
