// Keeps records in a folder of this machine, or of a share: a file is whole or not there, and days that are old enough are deleted.
import { constants } from 'node:fs'
import { copyFile, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { RecordStore } from '../../ports/records.js'

const DAY = /^\d{4}-\d{2}-\d{2}$/
const PART = '.part'

export function createFolderStore(root: string): RecordStore {
  const days = async () => (await readdir(root)).filter((name) => DAY.test(name))
  return {
    async put(name, { path }) {
      const to = join(root, name)
      await mkdir(dirname(to), { recursive: true, mode: 0o700 })
      try {
        await copyFile(path, `${to}${PART}`, constants.COPYFILE_FICLONE)
        const file = await open(`${to}${PART}`, 'r+')
        await file.sync().finally(() => file.close())
        await rename(`${to}${PART}`, to)
      } catch (error) {
        await rm(`${to}${PART}`, { force: true }).catch(() => undefined)
        throw error
      }
    },
    async *erase(person) {
      for (const day of await days()) {
        const names = await readdir(join(root, day, person)).catch(() => [])
        await rm(join(root, day, person), { recursive: true, force: true })
        yield* names.map((name) => `${day}/${person}/${name}`)
      }
    },
    async expire(before) {
      const old = (await days()).filter((day) => day < before)
      for (const day of old) await rm(join(root, day), { recursive: true, force: true })
      return old.length
    },
    close: async () => undefined,
  }
}
