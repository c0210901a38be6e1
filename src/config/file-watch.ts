// Notices that files changed, by looking at them now and then: works on every file system, and for a link that is swapped.
import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'

/** By absolute path, what tells one version of a file from the next. */
export type SeenFiles = ReadonlyMap<string, string>

/** To be called before the files are read, so that no change falls between reading and watching. */
export function seeFiles(files: readonly string[]): SeenFiles {
  return new Map(files.map((file) => [file, signature(statSync(file, { throwIfNoEntry: false }))]))
}

/** Calls back once for each look that finds any of them changed since the look before; the one before the first is `files`. Returns how to stop. */
export function watchFiles(files: SeenFiles, intervalMs: number, changed: () => void): () => void {
  if (files.size === 0) return () => undefined
  const seen = new Map(files)
  let looking = false
  const look = async (): Promise<void> => {
    let any = false
    for (const file of seen.keys()) {
      const now = signature(await stat(file).catch(() => undefined))
      any ||= now !== seen.get(file)
      seen.set(file, now)
    }
    if (any) changed()
  }
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    void look().finally(() => {
      looking = false
    })
  }, intervalMs)
  timer.unref()
  return () => clearInterval(timer)
}

function signature(about: { ino: number; size: number; mtimeMs: number } | undefined): string {
  return about ? `${about.ino} ${about.size} ${about.mtimeMs}` : ''
}
