// Removes what waits of a person in the spool, of every process, living or gone.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Names as in the store. A session that still runs keeps nothing from then on. */
export async function eraseSpool(dir: string, person: string): Promise<readonly string[]> {
  const removed: string[] = []
  for (const process of await readdir(dir)) {
    for (const folder of await readdir(join(dir, process)).catch(() => [])) {
      if (folder.split('~')[1] !== person) continue
      await rm(join(dir, process, folder), { recursive: true, force: true })
      removed.push(folder.replaceAll('~', '/'))
    }
  }
  return removed
}
