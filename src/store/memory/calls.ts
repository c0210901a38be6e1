// The WebRTC calls of this process alone, and in its journal those that an earlier process left behind.
import type { CallRecord, CallRecords } from '../../ports/call-records.js'
import { type CallJournal, openCallJournal } from './call-journal.js'

/** Throws if the journal cannot be opened. */
export function createMemoryCalls(journalFile?: string): CallRecords {
  const journal: CallJournal | undefined = journalFile === undefined ? undefined : openCallJournal(journalFile)
  const owned = new Map<string, CallRecord>()
  const free = new Map<string, CallRecord>(journal?.left.map((record) => [record.id, record]))

  function take(id: string): CallRecord | undefined {
    const record = free.get(id)
    if (!record) return undefined
    free.delete(id)
    owned.set(id, record)
    return record
  }

  return {
    shared: false,
    async add(record) {
      journal?.add(record)
      owned.set(record.id, record)
    },
    renew: async () => [],
    holds: async (id) => !free.has(id),
    async release(id) {
      const record = owned.get(id)
      if (!record) return
      owned.delete(id)
      free.set(id, record)
    },
    async remove(id) {
      if (owned.delete(id) || free.delete(id)) journal?.remove(id)
    },
    take: async (id) => take(id),
    ask: async () => false,
    onAsked: () => undefined,
    adopt: async (most) => [...free.keys()].slice(0, most).flatMap((id) => take(id) ?? []),
    find: async (id) => owned.get(id) ?? free.get(id),
  }
}
