// Says which version of the relay this is, as its package.json has it.
import { readFileSync } from 'node:fs'

/** `unknown` if the file was not shipped with the code. */
export const VERSION: string = read()

function read(): string {
  try {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version?: unknown }
    return typeof version === 'string' ? version : 'unknown'
  } catch {
    return 'unknown'
  }
}
