// Installs, if allowed, the tool that the fault scripts about clocks need. Without it they are skipped.
import { execFileSync } from 'node:child_process'

export function setup(): void {
  if (process.getuid?.() !== 0 || runs('faketime', '--version') || !runs('apt-get', '--version')) return
  runs('apt-get', 'install', '-y', '-qq', 'faketime')
}

function runs(command: string, ...words: readonly string[]): boolean {
  try {
    execFileSync(command, words, { stdio: 'ignore', timeout: 120_000 })
    return true
  } catch {
    return false
  }
}
