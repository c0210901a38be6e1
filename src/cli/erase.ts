// The command `erase`: removes what is stored of a user, says what was removed and what remains, and has the audit say so too.
import { openJournal } from '../audit/journal.js'
import { createAuditBook, subjectKeyOf } from '../audit/recorder.js'
import type { Config } from '../config/config.js'
import { loadConfig } from '../config/load.js'
import type { ErasedOfStore, Store } from '../ports/store.js'
import { eraseSpool } from '../records/erase-spool.js'
import { createPersonNames } from '../records/person.js'
import { openRecordStore } from '../records/store.js'
import { auditAnchors } from '../server/audit-anchors.js'
import { redisTokens } from '../server/redis-tokens.js'
import { createRedisStore } from '../store/redis/store.js'
import { checkTools } from '../tools/check.js'

const READY_MS = 5000
/** With Entra ID a token comes first. */
const ENTRA_READY_MS = 15_000
const QUIET = { warn: () => undefined }

interface Outcome {
  readonly counts: { readonly records: number; readonly keys: number }
  readonly remains: readonly string[]
  readonly failures: readonly string[]
}

/** False: a part could not be asked, and holds what it held. Rejects with a `ConfigError`. */
export async function eraseCommand(subject: string, print: (line: string) => void): Promise<boolean> {
  const config = loadConfig(checkTools)
  const parts = [await eraseRecords(config, subject, print), await eraseRedis(config, subject, print)]
  const failures = parts.flatMap((part) => part.failures)
  const counts = { records: parts.reduce((sum, { counts }) => sum + counts.records, 0), keys: parts.reduce((sum, { counts }) => sum + counts.keys, 0) }
  const audited = await tellAudit(config, subject, { ...counts, whole: failures.length === 0 ? 1 : 0 })
  for (const line of [...parts.flatMap(({ remains }) => remains), ...audited.remains, ...ELSEWHERE]) print(`remains  ${line}`)
  for (const line of [...failures, ...audited.failures]) print(`failed   ${line}`)
  return failures.length + audited.failures.length === 0
}

const ELSEWHERE = [
  'the log: session ids and addresses of clients, as long as it is kept; the relay has no hand in it',
  'traces and metrics at your collectors, and what the model’s service, tools and carriers keep',
]
const NOTHING: Outcome = { counts: { records: 0, keys: 0 }, remains: [], failures: [] }

async function eraseRecords({ records: config }: Config, subject: string, print: (line: string) => void): Promise<Outcome> {
  if (!config) return { ...NOTHING, remains: ['records, if there are any: RECORDS_URL is not set, so nothing was looked for'] }
  const person = createPersonNames(config.subjectKey)(subject)
  const removed: string[] = []
  const remains: string[] = []
  const failures: string[] = []
  const spool = await eraseSpool(config.spool, person)
  removed.push(...spool.removed.map((name) => `spool    ${name}`))
  if (!spool.isWhole) failures.push('a part of the spool could not be read or removed')
  try {
    const store = await openRecordStore(config)
    try {
      if (store.erase) for await (const name of store.erase(person)) removed.push(`record   ${name}`)
      else remains.push(`records that the hook got: ask its owner to remove ${person}`)
    } finally {
      await store.close()
    }
  } catch {
    failures.push('the store of records does not answer, or refuses')
  }
  for (const name of removed) print(`removed  ${name}`)
  return { counts: { records: removed.length, keys: 0 }, remains, failures }
}

async function eraseRedis(config: Config, subject: string, print: (line: string) => void): Promise<Outcome> {
  const { redis, usageRetentionDays } = config
  if (!redis) return { ...NOTHING, remains: ['usage in the memory of running relays: it goes with their processes, since REDIS_URL is not set'] }
  const store = createRedisStore({ ...redis, tokens: redisTokens(config, QUIET), usageRetentionDays })
  try {
    await ready(store, redis.entra)
    const erased = await store.erasure?.erase(subject)
    if (!erased) return NOTHING
    for (const key of erased.removed) print(`removed  redis    ${key}`)
    if (erased.reports > 0) print(`removed  redis    ${erased.reports} reports on limits that named the user`)
    return { counts: { records: 0, keys: erased.removed.length }, remains: remainsOf(erased), failures: [] }
  } catch {
    return { ...NOTHING, failures: ['Redis does not answer: usage stays there'] }
  } finally {
    await store.close(0)
  }
}

/** A store connects in the background. */
async function ready(store: Pick<Store, 'health'>, entra: boolean): Promise<void> {
  const end = performance.now() + (entra ? ENTRA_READY_MS : READY_MS)
  while ((await store.health()).status !== 'ok' && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 50))
}

function remainsOf({ live, isRevoked }: ErasedOfStore): readonly string[] {
  return [
    ...(live > 0 ? [`${live} running sessions or places: they write usage and records until they end; end them, and erase again`] : []),
    ...(isRevoked ? ['the revocation of the user, until its time: without it revoked tokens would be good again'] : []),
    'counters of tenant, profile and deployment, which name no user',
  ]
}

/** Its chain stays whole: what it says of the user are digests. */
async function tellAudit(config: Config, subject: string, counts: Readonly<Record<string, number>>): Promise<Pick<Outcome, 'remains' | 'failures'>> {
  const { audit, redis, usageRetentionDays } = config
  if (!audit) return { remains: [], failures: [] }
  const remains = [
    audit.subjects === 'plain'
      ? 'lines of the audit, with the user’s name: AUDIT_SUBJECTS is plain, and a line that was removed would break the chain'
      : 'lines of the audit: a digest of the user, no words. Destroying SUBJECT_KEY makes all of them nobody’s',
  ]
  const store = redis && createRedisStore({ ...redis, tokens: redisTokens(config, QUIET), usageRetentionDays })
  try {
    // As of a relay's chain, its checkpoint goes where whoever holds the folder cannot take it away.
    let unanchored = 0
    const journal = await openJournal({
      dir: audit.dir,
      key: audit.key,
      anchors: auditAnchors({ anchorUrl: audit.anchorUrl, checkpoints: store?.checkpoints }),
      now: Date.now,
      onWritable: () => undefined,
      onUnanchored: () => unanchored++,
    })
    const book = createAuditBook(journal, subjectKeyOf(audit))
    book.record('erased', { sub: book.subject(subject), ...counts })
    await journal.flush()
    const { writable } = journal
    await (store && ready(store, redis.entra))
    await journal.close()
    return { remains, failures: [...(writable ? [] : ['the audit could not be written']), ...(unanchored > 0 ? ['the checkpoint of the audit could not be kept elsewhere'] : [])] }
  } catch {
    return { remains, failures: ['the audit could not be written'] }
  } finally {
    await store?.close(0)
  }
}
