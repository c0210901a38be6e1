// Notices changed files by looking at them now and then, which works on every file system and for a link that is swapped.
import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'

/** What tells one version of a file from the next, by absolute path. */
type SeenFiles = ReadonlyMap<string, string>

/** Call this before the files are read, so that no change falls between reading and watching. */
export function seeFiles(files: readonly string[]): SeenFiles {
  return new Map(files.map((file) => [file, signature(statSync(file, { throwIfNoEntry: false }))]))
}

/** Calls `changed` once for each look that finds a change since the last one. The first look compares with `files`. Returns how to stop. */
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
