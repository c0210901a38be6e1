// Removes what waits of a person in the spool, of every process, living or gone.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Names as in the store. Rejects if any part could not be read, after the others are done. A session that still runs keeps nothing from then on. */
export async function eraseSpool(dir: string, person: string): Promise<readonly string[]> {
  const removed: string[] = []
  const problems: unknown[] = []
  for (const process of await readdir(dir)) {
    for (const folder of await readdir(join(dir, process)).catch((error) => unread(error, problems))) {
      if (folder.split('~')[1] !== person) continue
      await rm(join(dir, process, folder), { recursive: true, force: true })
      removed.push(folder.replaceAll('~', '/'))
    }
  }
  if (problems.length > 0) throw problems[0]
  return removed
}

/** Gone meanwhile, or no folder. What cannot be read may have something of the person. */
function unread(error: NodeJS.ErrnoException, problems: unknown[]): readonly string[] {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') problems.push(error)
  return []
}
