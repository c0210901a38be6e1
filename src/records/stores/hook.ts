// Gives records to an endpoint of the admin's: one POST for each file, whose name is in a header. Any 2xx confirms.
import { openAsBlob } from 'node:fs'
import type { Secret } from '../../config/secret.js'
import type { RecordStore } from '../../ports/records.js'
import { failureOfStatus, RecordStoreError } from '../failure.js'

/** At a megabit a second this is a gigabyte's hour cut short; such a hook is no store for sound. */
const PUT_MS = 600_000

export function createHookStore(url: URL, token: Secret | undefined): RecordStore {
  return {
    async put(name, { path, contentType }) {
      const headers = { 'content-type': contentType, 'relay-record': name, ...(token && { authorization: `Bearer ${token.reveal()}` }) }
      const answer = await fetch(url, { method: 'POST', headers, body: await openAsBlob(path), redirect: 'error', signal: AbortSignal.timeout(PUT_MS) })
      await answer.body?.cancel()
      if (!answer.ok) throw new RecordStoreError(failureOfStatus(answer.status))
    },
    close: async () => undefined,
  }
}
