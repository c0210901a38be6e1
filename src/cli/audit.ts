// The command `audit`: makes a signing key, and judges an audit's folder by the public half of it.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { verifyingKey } from '../audit/checkpoint.js'
import { chainFiles, readChain, splitNotes } from '../audit/files.js'
import { type Finding, type Verdict, verifyAudit } from '../audit/verify.js'
import type { Config } from '../config/config.js'
import { redisTokens } from '../server/redis-tokens.js'
import { createRedisStore } from '../store/redis/store.js'
import { UsageError } from './commands.js'

export interface VerifyOptions {
  readonly dir: string
  /** PEM of the key, its public half or both. */
  readonly keyFile: string
  /** Checkpoints that were kept elsewhere, among whatever else. */
  readonly anchorFile: string | undefined
  /** Redis of the relays, which keeps checkpoints as well. */
  readonly redis: Config['redis']
}

/** `whole`: anchored as well. `broken`: something was changed. `unanchored`: nobody vouches for a part of it. */
export type AuditOutcome = 'whole' | 'broken' | 'unanchored'

const READ_MS = 5000
/** With Entra ID a token comes first. */
const ENTRA_READ_MS = 15_000

export function printKey(print: (line: string) => void): void {
  const { privateKey } = generateKeyPairSync('ed25519')
  print(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trimEnd())
}

export async function verifyCommand({ dir, keyFile, anchorFile, redis }: VerifyOptions, print: (line: string) => void): Promise<AuditOutcome> {
  const key = keyFrom(keyFile)
  const files = await chainFiles(dir).catch(() => {
    throw new UsageError(`${dir} is no folder that can be read.`, 'audit')
  })
  const chains = await Promise.all(files.map(async (file) => ({ name: `${relative(dir, file)}.jsonl`, ...(await readChain(file)) })))
  const anchors = [...(anchorFile === undefined ? [] : splitNotes(unescaped(readText(anchorFile)))), ...(redis ? await anchorsIn(redis) : [])]
  const verdict = verifyAudit(chains, anchors, key)
  for (const line of told(verdict, anchors.length)) print(line)
  return outcomeOf(verdict.findings)
}

function told({ records, chains, findings }: Verdict, anchors: number): readonly string[] {
  const lines = findings.map(({ type, name, line, what }) => `${type.padEnd(10)} ${name}${line > 0 ? `:${line}` : ''}  ${what}`)
  const summary = `${records} records in ${chains} ${chains === 1 ? 'file' : 'files'}, ${anchors} checkpoints from elsewhere`
  return [...lines, findings.length === 0 ? `whole: ${summary}` : summary]
}

function outcomeOf(findings: readonly Finding[]): AuditOutcome {
  if (findings.some(({ type }) => type === 'broken')) return 'broken'
  return findings.length > 0 ? 'unanchored' : 'whole'
}

function keyFrom(file: string): KeyObject {
  try {
    return verifyingKey(readText(file))
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${file} has no Ed25519 key in PEM.`, 'audit')
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch {
    throw new UsageError(`${file} cannot be read.`, 'audit')
  }
}

/** In a line of the log a checkpoint is JSON text. */
function unescaped(text: string): string {
  return text.replace(/"checkpoint":("(?:[^"\\]|\\.)*")/g, (_all, json: string) => `\n${JSON.parse(json)}\n`)
}

async function anchorsIn(redis: NonNullable<Config['redis']>): Promise<readonly string[]> {
  const store = createRedisStore({ ...redis, tokens: redisTokens({ redis }, { warn: () => undefined }), usageRetentionDays: 1 })
  try {
    const end = performance.now() + (redis.entra ? ENTRA_READ_MS : READ_MS)
    while ((await store.health()).status !== 'ok' && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 50))
    return (await store.checkpoints?.all()) ?? []
  } catch {
    throw new UsageError('Redis does not answer, so its checkpoints are unknown: unset REDIS_URL to judge without them.', 'audit')
  } finally {
    await store.close(0)
  }
}
