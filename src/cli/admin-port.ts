// Where the admin port is and with which token it is asked: as the options say, else as the settings do.
import { loadAuthConfig, processEnvironment } from '../config/load.js'
import type { Picture } from '../ports/picture.js'
import { probeTargets } from '../process/probe-target.js'
import { type CommandName, UsageError } from './commands.js'

export interface AdminPort {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string
}

export interface AdminPortOptions {
  readonly url?: string
  readonly token?: string
  readonly 'token-file'?: string
}

const TOKEN_SECONDS = 12 * 3600
/** Longest wait for the head of an answer. */
const ANSWER_MS = 10_000

/** Throws a `UsageError` that says how to give what is missing. */
export async function adminPort(command: CommandName, options: AdminPortOptions): Promise<AdminPort> {
  return { url: urlOf(command, options.url), token: await tokenOf(command, options) }
}

function urlOf(command: CommandName, given: string | undefined): string {
  const text = given ?? probeTargets(processEnvironment())[0]?.url.replace(/\/livez$/, '') ?? ''
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new UsageError('--url must be the address of an admin port, such as http://127.0.0.1:9090.', command)
  return text.replace(/\/+$/, '')
}

async function tokenOf(command: CommandName, options: AdminPortOptions): Promise<string> {
  if (options.token !== undefined && options['token-file'] !== undefined) throw new UsageError('--token and --token-file are two tokens: give one.', command)
  const given = options.token ?? (options['token-file'] === undefined ? undefined : await readToken(command, options['token-file']))
  if (given !== undefined) return given.trim()
  const auth = signingKey()
  if (!auth) {
    throw new UsageError(
      'A token is missing whose scope has relay:read. Give it with --token-file, or name the settings that have JWT_SECRET with --env-file: then the command signs its own.',
      command,
    )
  }
  const { mintToken } = await import('../auth/mint-token.js')
  return mintToken(auth, { subject: `realtime-relay ${command}`, ttlSeconds: TOKEN_SECONDS, claims: { [auth.scopeClaim ?? 'scope']: 'relay:read' } })
}

/** Undefined: the settings have no secret to sign with. */
function signingKey() {
  if (!processEnvironment().JWT_SECRET && !processEnvironment().JWT_SECRET_FILE) return undefined
  const auth = loadAuthConfig()
  return auth.key.kind === 'secret' ? auth : undefined
}

async function readToken(command: CommandName, file: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file} cannot be read (${error.code ?? 'unknown'}). --token-file names a file that holds the token alone.`, command)
  })
}

/** An answer of the admin API. Throws a `UsageError` that says what to do, unless `accepts` takes its status. */
export async function askAdmin(command: CommandName, { url, token }: AdminPort, path: string, accepts: readonly number[] = []): Promise<Response> {
  const abort = new AbortController()
  // A stream goes on for as long as it likes once it has begun, so only the wait for its head has a limit.
  const late = setTimeout(() => abort.abort(), ANSWER_MS)
  const answered = fetch(`${url}/v1/admin${path}`, { headers: { authorization: `Bearer ${token}` }, signal: abort.signal })
  const answer = await answered
    .catch((error: unknown) => {
      throw new UsageError(`${url} does not answer (${reasonOf(error)}). Is the relay running? --url names its admin port: ADMIN_HOST and ADMIN_PORT.`, command)
    })
    .finally(() => clearTimeout(late))
  if (answer.ok || accepts.includes(answer.status)) return answer
  throw new UsageError(await refusalOf(url, answer), command)
}

async function refusalOf(url: string, answer: Response): Promise<string> {
  if (answer.status === 401) return `${url} does not accept the token: it is expired, revoked, or another key signed it.`
  if (answer.status === 403) return 'The scope of the token has neither relay:read nor relay:admin.'
  if (answer.status === 404) return `${url} has no such path: it is no admin port, or its relay has another version.`
  const said = (await answer.json().catch(() => ({}))) as { readonly error?: { readonly message?: string } }
  return `${url} answered ${answer.status}: ${said.error?.message ?? 'it did not say why'}`
}

/** The pictures of the live stream, one a second, until it ends. */
export async function* pictures(command: CommandName, port: AdminPort): AsyncGenerator<Picture> {
  const answer = await askAdmin(command, port, '/live')
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of answer.body ?? []) {
    const blocks = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? []
      if (name === 'picture' && data !== undefined) yield JSON.parse(data) as Picture
      if (name === 'end') throw new UsageError(endWords(data ?? ''), command)
    }
  }
}

function endWords(data: string): string {
  const { why } = JSON.parse(data) as { readonly why?: string }
  if (why === 'expired') return 'The token has expired. Start the command again with a new one.'
  if (why === 'revoked') return 'The token was revoked.'
  return 'The relay stops. Start the command again, or name another relay with --url.'
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'AbortError') return 'nothing for ten seconds'
  const cause = error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined
  return typeof cause === 'string' ? cause : 'the network failed'
}
