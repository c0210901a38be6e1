// Preloaded into a process under test. Appends each package that the process loads to the file LOADED_FILE, one per line.
import { appendFileSync } from 'node:fs'
import { createRequire, register } from 'node:module'

const hooks = `
import { appendFileSync } from 'node:fs'
export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context)
  appendFileSync(process.env.LOADED_FILE, resolved.url + '\\n')
  return resolved
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)

const require = createRequire(import.meta.url)
process.on('exit', () => appendFileSync(process.env.LOADED_FILE ?? '', `${Object.keys(require.cache).join('\n')}\n`))
