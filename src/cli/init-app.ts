// The command `init --app`: copies a first app into an empty folder, with secrets of its own in its `.env`.
import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../config/version.js'
import { UsageError } from './commands.js'

const APPS = {
  page: { does: 'a plain page', next: ['npm install && npm run relay', 'npm start', 'http://localhost:3000'] },
  react: { does: 'React with Vite', next: ['npm install && npm run relay', 'npm run dev', 'http://localhost:3000'] },
  next: { does: 'Next.js with a token route', next: ['npm install && npm run relay', 'npm run dev', 'http://localhost:3000'] },
  node: { does: 'asks from Node, and keeps the answer as sound', next: ['npm install && npm run relay', 'npm start'] },
  python: { does: 'the same in Python, with openai', next: [`npx realtime-relay@${VERSION} demo --env-file .env`, 'pip install -r requirements.txt && python ask.py'] },
  phone: { does: 'a number that people ring', next: ['npm install && npm run relay', 'npm run call'] },
} as const

export type AppName = keyof typeof APPS
export const APP_NAMES = Object.keys(APPS) as AppName[]

/** The package's apps, seen from `dist/cli` and from `src/cli`. */
const SOURCE = fileURLToPath(new URL('../../test/apps/', import.meta.url))
/** Read in the folder of the app; npm leaves a file of this name out of packages, so it is not among the copied ones. */
const IGNORED = ['node_modules/', 'dist/', '.next/', 'next-env.d.ts', '.env*', '!.env.example', '*.tsbuildinfo', '*.wav', '__pycache__/', '.venv/']
/** What a run of the app leaves behind in a clone. */
const LEFT_BEHIND = /(^|\/)(node_modules|dist|\.next|__pycache__|\.venv|\.env(?!\.example(\/|$))[^/]*|next-env\.d\.ts|package-lock\.json|[^/]+\.(wav|tsbuildinfo))(\/|$)/

/** Throws a `UsageError` if the name is unknown, or the folder has something in it already: nothing is ever overwritten. */
export function initApp(name: string, folder: string | undefined, print: (line: string) => void, source = SOURCE): void {
  if (!isApp(name))
    throw new UsageError(`There is no app ${JSON.stringify(name.slice(0, 40))}. There are: ${APP_NAMES.map((one) => `${one} (${APPS[one].does})`).join(', ')}.`, 'init')
  const from = join(source, name)
  if (!existsSync(from)) throw new UsageError('The apps are not part of this installation. They come with the npm package and with the repository, in test/apps.')
  const target = folder ?? `relay-${name}`
  makeEmpty(target)
  try {
    const isApps = (path: string) => !LEFT_BEHIND.test(path.slice(from.length).replaceAll('\\', '/'))
    // One by one: the folder itself is there already, to which Node 24 would object.
    for (const entry of readdirSync(from)) cpSync(join(from, entry), join(target, entry), { recursive: true, force: false, errorOnExist: true, filter: isApps })
    writeFileSync(join(target, '.gitignore'), `${IGNORED.join('\n')}\n`, { flag: 'wx' })
    writeFileSync(join(target, '.env'), withSecrets(readFileSync(join(from, '.env.example'), 'utf8')), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    throw cannotWrite(target, error)
  }
  print(`Wrote ${target}: ${APPS[name].does}. Its .env has secrets of its own, and only you may read it.`)
  print('')
  print('Next:')
  const [relay, run, address] = APPS[name].next
  print(`  1. cd ${target}`)
  print(`  2. ${relay}`)
  print(`  3. ${run}${address === undefined ? '   (in another terminal)' : `   (in another terminal), and open ${address}`}`)
  print('')
  print(`Until realtime-relay ${VERSION} is published, npm does not find it (E404): run npm pack in a clone of it, and before step 2`)
  print(`  npm install <path>/realtime-relay-${VERSION}.tgz`)
  print('')
  print(`${join(target, 'README.md')} says how to use a model of yours.`)
}

function isApp(name: string): name is AppName {
  return Object.hasOwn(APPS, name)
}

function makeEmpty(target: string): void {
  let found: readonly string[]
  try {
    mkdirSync(target, { recursive: true })
    found = readdirSync(target)
  } catch (error) {
    throw cannotWrite(target, error)
  }
  if (found.length > 0) throw new UsageError(`${target} is not empty, and nothing was written. Name another folder: init --app NAME FOLDER.`, 'init')
}

/** `NAME_SECRET=` and `NAME_TOKEN=` without a value get one. */
function withSecrets(text: string): string {
  return text.replace(
    /^([A-Z_]*_(SECRET|TOKEN))=$/gm,
    (_line, name: string, kind: string) => `${name}=${kind === 'TOKEN' ? randomBytes(16).toString('hex') : randomBytes(36).toString('base64url')}`,
  )
}

function cannotWrite(target: string, error: unknown): UsageError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new UsageError(`${target} cannot be written (${code || 'unknown error'}).`, 'init')
}
