// Takes the settings of a recipe out of deploy/identity.md, and starts a relay with them: only the issuer's host is another.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { createAuthenticator } from '../../src/auth/authenticator.js'
import { loadConfig } from '../../src/config/load.js'
import { RefusalError } from '../../src/core/protocol/errors.js'
import { startServer } from '../../src/server/server.js'
import type { Simulator } from '../../src/simulator/simulator.js'
import { checkTools } from '../../src/tools/check.js'
import { blocksOf, readDocument } from '../docs/documents.js'
import { connectClient, type RealtimeClient, type Refused } from '../support/realtime-client.js'
import { API_KEY, DEPLOYMENT } from '../support/running-relay.js'

export const DOCUMENT = readDocument('deploy/identity.md')

/** The section under that heading, without those below it of the same or a higher rank. */
export function sectionOf(heading: string): string {
  const lines = DOCUMENT.split('\n')
  const first = lines.findIndex((line) => /^#{2,3} /.test(line) && line.replace(/^#+ /, '') === heading)
  if (first < 0) throw new Error(`no section ${heading}`)
  const end = lines.findIndex((line, index) => index > first && /^#{2,3} /.test(line))
  return lines.slice(first, end < 0 ? undefined : end).join('\n')
}

/** The first blocks of settings there, one laid over the other. */
export function settingsOf(heading: string, blocks = 1): Record<string, string> {
  const found = blocksOf(sectionOf(heading), 'sh').slice(0, blocks)
  if (found.length < blocks) throw new Error(`no ${blocks} blocks of settings under ${heading}`)
  return Object.assign({}, ...found.map((text) => parseEnv(text))) as Record<string, string>
}

export interface RecipeRelay {
  readonly settings: Readonly<Record<string, string>>
  connect(token: string): Promise<RealtimeClient>
  /** The status that the upgrade is refused with, and the reason that nobody outside hears. */
  refusal(token: string): Promise<{ readonly status: number; readonly why: string }>
  /** Profile and subject of every session, as an operator with this token sees them, or the status that refuses them. */
  sessions(token: string): Promise<readonly { readonly subject: string; readonly profile: string }[] | number>
  /** Responses a day that this token allows. */
  dailyResponses(token: string): Promise<number>
  close(): Promise<void>
}

/** `over` has what the reader would fill in: the issuer's host, or the secret. */
export async function startRecipe(settings: Record<string, string>, over: Record<string, string>, simulator: Simulator): Promise<RecipeRelay> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-identity-'))
  const [profiles = ''] = blocksOf(DOCUMENT, 'json')
  writeFileSync(join(folder, 'profiles.json'), profiles)
  const upstream = { AZURE_OPENAI_ENDPOINT: simulator.url, AZURE_OPENAI_DEPLOYMENT: DEPLOYMENT, AZURE_OPENAI_API_KEY: API_KEY }
  const config = loadConfig(checkTools, { HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0', LOG_LEVEL: 'silent', ...upstream, ...settings, ...over }, { mode: 'serve', cwd: folder })
  const relay = await startServer(config)
  const authenticator = createAuthenticator(config.auth)
  const connect = (token: string) => connectClient(`${relay.url.replace(/^http/, 'ws')}/v1/realtime`, token)
  const get = (url: string, token: string) => fetch(url, { headers: { authorization: `Bearer ${token}` } })
  return {
    settings,
    connect,
    async refusal(token) {
      const [refused, reason] = await Promise.all([failureOf(connect(token)), failureOf(authenticator.verify(token))])
      return { status: (refused as Refused).status, why: reason instanceof RefusalError ? reason.why : 'accepted' }
    },
    async sessions(token) {
      const answer = await get(`${relay.adminUrl}/v1/admin/sessions`, token)
      return answer.ok ? ((await answer.json()) as { sessions: { subject: string; profile: string }[] }).sessions : answer.status
    },
    async dailyResponses(token) {
      const { quota } = (await (await get(`${relay.url}/v1/quota`, token)).json()) as { quota: readonly { readonly max: number }[] }
      return quota[0]?.max ?? 0
    },
    async close() {
      await relay.drain()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Fails if the attempt does not. */
async function failureOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => {
      throw new Error('accepted')
    },
    (error: unknown) => error,
  )
}
