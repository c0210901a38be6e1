// The folder of one process in the spool, with the sign that the process lives. It is made again if somebody took it away.
import { mkdir, rename, rm, rmdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Home {
  /** How often it was made. */
  readonly made: number
  /** Says that the process lives. Another one may have taken it for dead, folder and all, while it was frozen or its disk was. */
  living(): Promise<void>
  close(): Promise<void>
}

export const ALIVE = 'alive'
const NEW = '.new'

/** Rejects if it cannot be made. `onGone`: it was gone and is there again, empty. */
export async function createHome(path: string, onGone: () => void): Promise<Home> {
  let made = 0
  let closed = false
  let sign: Promise<void> | undefined

  /** Under another name until it says that its process lives, so that nobody takes it for a dead one's. */
  async function settle(): Promise<void> {
    await mkdir(`${path}${NEW}`, { recursive: true, mode: 0o700 })
    await writeFile(join(`${path}${NEW}`, ALIVE), '')
    await rename(`${path}${NEW}`, path)
    made++
  }

  async function resettle(): Promise<void> {
    try {
      await settle()
    } catch {
      // The folder is there, and its sign alone was gone.
      await rm(`${path}${NEW}`, { recursive: true, force: true })
      return writeFile(join(path, ALIVE), '')
    }
    onGone()
  }

  await settle()
  return {
    get made() {
      return made
    },
    living() {
      sign ??= utimes(join(path, ALIVE), new Date(), new Date())
        .catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' && !closed ? resettle() : undefined))
        .catch(() => undefined)
        .finally(() => {
          sign = undefined
        })
      return sign
    },
    /** Without the sign the next process does not wait to take over. */
    async close() {
      closed = true
      await sign
      await rm(join(path, ALIVE), { force: true }).catch(() => undefined)
      await rmdir(path).catch(() => undefined)
    },
  }
}
