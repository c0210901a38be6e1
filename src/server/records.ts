// Opens the records if any are configured, and gives each recorded session its recorder. Otherwise nothing of it is loaded.
import { createHash } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from '../config/config.js'
import { ConfigError } from '../config/config-error.js'
import type { SessionProfile } from '../core/policy/profile.js'
import type { Metrics } from '../ops/metrics.js'
import type { AuditBook } from '../ports/audit.js'
import type { Recorder } from '../ports/notes.js'
import type { NewSession } from '../ports/session.js'
import { within } from '../time/within.js'
import { createRedactions } from './redactions.js'

type RecordedSession = Pick<NewSession, 'sessionId' | 'profile' | 'identity'> & Partial<Pick<NewSession, 'call'>>

export interface ServerRecords {
  /** One more recorder for a session whose profile has a record, or none. */
  recorders(session: RecordedSession): readonly Recorder[]
  /** What is said by now goes to the spool, and from there to the store within some seconds, or waits for the next process. */
  close(): Promise<void>
  /** The guards in force from now on: their patterns hold for sessions that open later. */
  configured(version: Pick<Config, 'guards'>): void
}

const OFF: ServerRecords = { recorders: () => [], close: async () => undefined, configured: () => undefined }
const DAY_MS = 86_400_000
/** Encrypting anew costs some milliseconds each time. */
const WRITE_MS = 2000
const SEALED_WRITE_MS = 15_000
const CLOSE_MS = 3000

/** Rejects if the spool cannot be written. */
export async function openRecords(
  { records: config, guards }: Pick<Config, 'records' | 'guards'>,
  log: FastifyBaseLogger,
  metrics: Metrics,
  audit: AuditBook | undefined,
): Promise<ServerRecords> {
  if (!config) return OFF
  const [{ openSpool }, { createSealing }, { createSealingThread }, { createSessionRecord }, { createPersonNames }, { openRecordStore }] = await Promise.all([
    import('../records/spool.js'),
    import('../records/sealing.js'),
    import('../records/sealing-thread.js'),
    import('../records/session-record.js'),
    import('../records/person.js'),
    import('../records/store.js'),
  ])
  const store = await openRecordStore(config)
  const redactions = createRedactions(guards)
  // Loaded before the first session, if any pattern is configured.
  await redactions.ready
  const sealing = sealingFor(() => createSealing(config.recipients))
  const sealSound = createSealingThread(config.recipients)
  const person = createPersonNames(config.subjectKey)
  let failures = 0
  let lost = 0
  const spool = await openSpool({
    dir: config.spool,
    store,
    mostBytes: config.spoolBytes,
    onStore(failure) {
      if (failure === undefined) return log.info({}, 'the store takes records again')
      failures++
      log.error({ failure }, 'the store does not take records: they wait in the spool')
    },
    onGone(waiting) {
      log.error({ waiting }, 'the folder of the spool was gone and was made again: what waited there is lost, unless another process took it over')
      audit?.record('spool_gone', { waiting })
    },
    onStored: (name, manifest) => audit?.record('recorded', { session: name.slice(name.lastIndexOf('/') + 1, name.lastIndexOf('.')), manifest: sha256(manifest) }),
  })
  const open = new Set<{ close(): Promise<void> }>()
  metrics.gauge('relay_records_waiting', 'Records of ended sessions that their store has not confirmed.', () => spool.waiting)
  metrics.gauge('relay_records_spool_bytes', 'Bytes of records in this process’s part of the spool.', () => spool.bytes)
  metrics.gauge('relay_records_lost', 'Sessions that were to be recorded and could not be: no place in the spool, or no disk.', () => lost)
  metrics.gauge('relay_records_store_failures', 'Times that the store of records began to fail.', () => failures)
  const expire = () => {
    const before = new Date(Date.now() - config.retentionDays * DAY_MS).toISOString().slice(0, 10)
    store.expire?.(before).then(
      (days) => days > 0 && log.info({ days, before }, 'records deleted by age'),
      () => log.error({ before }, 'old records could not be deleted'),
    )
  }
  expire()
  const daily = setInterval(expire, DAY_MS / 24).unref()
  return {
    recorders({ sessionId, profile, identity, call }) {
      if (!profile.record) return []
      const { keeps } = profile.record
      const soundPasses = keeps === 'audio' && call !== undefined
      const session = {
        sessionId,
        person: person(identity.subject),
        profile: profile.name,
        keeps: soundPasses ? 'transcript' : keeps,
        soundPasses,
        pausing: pausingOf(profile),
      } as const
      const onLost = () => {
        lost++
        log.error({ sessionId }, 'a session is not recorded: the spool takes no more. It is tried again')
        audit?.record('not_recorded', { session: sessionId })
      }
      const onKept = () => {
        lost--
        log.info({ sessionId }, 'a session is recorded after all')
      }
      const writeMs = config.recipients.length > 0 ? SEALED_WRITE_MS : WRITE_MS
      const redact = redactions.for(profile)
      const record = createSessionRecord(session, { spool, sealing, sealSound, redact, now: Date.now, clock: () => performance.now(), writeMs, onLost, onKept }, () =>
        open.delete(record),
      )
      open.add(record)
      return [record.recorder]
    },
    configured: redactions.configured,
    async close() {
      clearInterval(daily)
      await within(CLOSE_MS, Promise.all([...open].map((record) => record.close())), () => undefined)
      await within(CLOSE_MS, spool.settled(), () => undefined)
      await within(CLOSE_MS, spool.close(), () => undefined)
      await sealSound.close()
      await store.close()
    },
  }
}

/** The library alone knows whether a key's check digits are right. */
function sealingFor<T>(create: () => T): T {
  try {
    return create()
  } catch {
    throw new ConfigError(['RECORDS_RECIPIENTS has an entry that is no age public key: a digit of it is wrong'])
  }
}

function pausingOf({ tools }: SessionProfile): ReadonlySet<string> {
  return new Set(tools.filter(({ pauseRecording }) => pauseRecording).map(({ definition }) => definition.name))
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
