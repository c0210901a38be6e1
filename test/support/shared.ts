// Where the material beside the project is, which a clone need not have. Tests that read it are skipped if it is absent.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export function sharedPath(path: string): string {
  return fileURLToPath(new URL(`../../../shared/${path}`, import.meta.url))
}

export function hasShared(path: string): boolean {
  return existsSync(sharedPath(path))
}

/** For a suite's title, so that a skipped one says why. */
export function neededShared(path: string): string {
  return hasShared(path) ? '' : ` (skipped: ../shared/${path} is absent)`
}

export function sharedJson<T>(path: string): T {
  return JSON.parse(readFileSync(sharedPath(path), 'utf8')) as T
}
