// Removes what waits of a person in the spool, of every process, living or gone.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

export interface ErasedOfSpool {
  /** Names as in the store. */
  readonly removed: readonly string[]
  /** False: a part could not be read or removed, and may have something of the person. */
  readonly isWhole: boolean
}

/** Never rejects. A session that still runs keeps nothing from then on. */
export async function eraseSpool(dir: string, person: string): Promise<ErasedOfSpool> {
  const removed: string[] = []
  const problems: unknown[] = []
  for (const process of await readdir(dir).catch((error) => failed(error, problems))) {
    for (const folder of await readdir(join(dir, process)).catch((error) => unread(error, problems))) {
      if (folder.split('~')[1] !== person) continue
      await rm(join(dir, process, folder), { recursive: true, force: true }).then(
        () => removed.push(folder.replaceAll('~', '/')),
        (error) => problems.push(error),
      )
    }
  }
  return { removed, isWhole: problems.length === 0 }
}

function failed(error: unknown, problems: unknown[]): readonly string[] {
  problems.push(error)
  return []
}

/** Gone meanwhile, or no folder. What cannot be read may have something of the person. */
function unread(error: NodeJS.ErrnoException, problems: unknown[]): readonly string[] {
  return error.code === 'ENOENT' || error.code === 'ENOTDIR' ? [] : failed(error, problems)
}
