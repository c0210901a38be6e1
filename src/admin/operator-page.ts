// The operators' page: static files without data, the same for everybody, that let no foreign script, frame or form near a pasted token.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface OperatorFile {
  readonly type: string
  readonly bytes: Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** With trusted types no script can turn text into elements. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')
const HEADERS = {
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // A relay of another version may answer the next time.
  'cache-control': 'no-cache',
}
const TYPES: Readonly<Record<string, string>> = { html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' }
const OWN = fileURLToPath(new URL('../operator/', import.meta.url))
const known = new Map<string, Promise<OperatorFile>>()

/** `path`: one of `OPERATOR_PATHS`. Each is read once. */
export function operatorFile(path: string): Promise<OperatorFile> {
  const file = known.get(path) ?? readOperatorFile(path)
  known.set(path, file)
  file.catch(() => known.delete(path))
  return file
}

async function readOperatorFile(path: string): Promise<OperatorFile> {
  const name = placeOf(path)
  return { type: TYPES[name.split('.').at(-1) ?? ''] ?? 'text/plain', bytes: await readFile(name), headers: HEADERS }
}

function placeOf(path: string): string {
  const plots = () => dirname(createRequire(import.meta.url).resolve('uplot'))
  if (path === '/') return join(OWN, 'index.html')
  if (path === '/operator/uplot.js') return join(plots(), 'uPlot.esm.js')
  if (path === '/operator/uplot.css') return join(plots(), 'uPlot.min.css')
  return join(OWN, path.slice('/operator/'.length))
}
