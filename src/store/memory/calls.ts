// The WebRTC calls of this process alone, and in its journal those that an earlier process left behind.
import type { CallRecord, CallRecords } from '../../ports/call-records.js'
import { type CallJournal, openCallJournal } from './call-journal.js'

/** Throws if the journal cannot be opened. */
export function createMemoryCalls(journalFile?: string): CallRecords {
  const journal: CallJournal | undefined = journalFile === undefined ? undefined : openCallJournal(journalFile)
  const owned = new Map<string, CallRecord>()
  const free = new Map<string, CallRecord>(journal?.left.map((record) => [record.id, record]))
  return {
    shared: false,
    async add(record) {
      journal?.add(record)
      owned.set(record.id, record)
    },
    renew: async () => [],
    async release(id) {
      const record = owned.get(id)
      if (!record) return
      owned.delete(id)
      free.set(id, record)
    },
    async remove(id) {
      if (owned.delete(id) || free.delete(id)) journal?.remove(id)
    },
    async adopt(most) {
      const taken = [...free.values()].slice(0, most)
      for (const record of taken) {
        free.delete(record.id)
        owned.set(record.id, record)
      }
      return taken
    },
    find: async (id) => owned.get(id) ?? free.get(id),
  }
}
