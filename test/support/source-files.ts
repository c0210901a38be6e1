// Reads the project's own source for tests about it: files, what they import, and their code without comments and strings.
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface Import {
  /** Path from the project root for relative imports (`src/config/secret.ts`), else the package's name (`ws`, `node:fs`). */
  readonly target: string
  readonly typeOnly: boolean
}

export interface SourceFile {
  /** From the project root, with forward slashes. */
  readonly path: string
  readonly text: string
  /** The text with comments and the insides of strings, templates and regular expressions blanked out. */
  readonly code: string
  readonly imports: readonly Import[]
}

export function sourceFiles(folder: string): readonly SourceFile[] {
  return readdirSync(ROOT + folder, { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts') && !path.includes('/node_modules/') && !path.includes('/results/'))
    .sort()
    .map((path) => read(path))
}

/** Lines of code that match, as `file:line match`. */
export function linesWith(files: readonly SourceFile[], pattern: RegExp): readonly string[] {
  return files.flatMap((file) =>
    file.code.split('\n').flatMap((line, index) => {
      const found = pattern.exec(line)
      return found ? [`${file.path}:${index + 1} ${found[0].trim()}`] : []
    }),
  )
}

function read(path: string): SourceFile {
  const text = readFileSync(ROOT + path, 'utf8')
  const code = codeOnly(text)
  return { path, text, code, imports: importsOf(path, text, code) }
}

const FROM = /^(?:import|export)\s+([\w$*{},\s]+?)\s+from (?=\s)/gm
const ALONE = /^import()\s(?=\s)/gm
const DYNAMIC = /\bimport()\(\s*(?=\s)/g

/** Finds import statements in the code, in which no string can look like one, and reads their targets from the text at the same place. */
function importsOf(path: string, text: string, code: string): readonly Import[] {
  return [FROM, ALONE, DYNAMIC].flatMap((pattern) =>
    [...code.matchAll(pattern)].flatMap((found): Import[] => {
      const target = /^\s*'([^']+)'/.exec(text.slice(found.index + found[0].trimEnd().length))?.[1]
      return target === undefined ? [] : [{ target: resolve(path, target), typeOnly: isTypeOnly(found[1] ?? '') }]
    }),
  )
}

function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b/.test(clause)) return true
  const names = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1]
  return names?.split(',').every((name) => name.trim() === '' || /^type\s/.test(name.trim())) ?? false
}

function resolve(from: string, target: string): string {
  if (target.startsWith('.')) return posix.join(posix.dirname(from), target).replace(/\.js$/, '.ts')
  if (target.startsWith('node:')) return target
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/')
}

const PIECES = [
  /\/\/[^\n]*|\/\*[\s\S]*?\*\//y,
  /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y,
  // A slash begins a regular expression if no value stands before it.
  /(?<=(?:^|[=(,:[!&|?{};>]|\breturn)\s*)\/(?![/*])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y,
]

/** In a template only the texts are blanked; the contents of `${}` stay code. */
function codeOnly(text: string): string {
  let code = ''
  const templates: number[] = []
  let depth = 0
  let at = 0
  const blank = (piece: string) => {
    code += piece.replace(/[^\n]/g, ' ')
    at += piece.length
  }
  const templateText = () => {
    const piece = match(/(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)?/y, text, at) ?? ''
    blank(piece)
    if (piece.endsWith('${')) templates.push(depth)
  }
  while (at < text.length) {
    const piece = PIECES.map((pattern) => match(pattern, text, at)).find((found) => found !== undefined)
    if (piece !== undefined) {
      blank(piece)
      continue
    }
    const char = text[at]
    if (char === '{') depth++
    if (char === '}' && templates.at(-1) === depth) {
      templates.pop()
      blank('}')
      templateText()
      continue
    }
    if (char === '}') depth--
    if (char === '`') {
      blank('`')
      templateText()
      continue
    }
    code += char
    at++
  }
  return code
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}
