// Writes the events of one recorded session as they pass, one a line with its time: what `realtime-relay replay` reads.
import { closeSync, openSync, writeSync } from 'node:fs'
import { extname } from 'node:path'
import type { RealtimeEvent } from '../core/protocol/events.js'

export interface EventFile {
  passed(from: 'client' | 'server', event: RealtimeEvent): void
  close(): void
}

/** `replay` reads no more. */
const MAX_BYTES = 256 * 1024 * 1024

/** The first session is written to `file`, the others beside it: `calls.jsonl`, `calls-2.jsonl`. Readable by its owner alone. */
export function createEventFile(file: string, number: number, full: () => void): EventFile {
  const ending = extname(file)
  const handle = openSync(number === 1 ? file : `${file.slice(0, file.length - ending.length)}-${number}${ending}`, 'w', 0o600)
  const startedAt = performance.now()
  let left = MAX_BYTES
  let isOpen = true
  return {
    passed(from, event) {
      if (!isOpen || left <= 0) return
      const line = Buffer.from(`${JSON.stringify({ at: Math.round(performance.now() - startedAt), from, event })}\n`)
      left -= line.length
      if (left > 0) writeSync(handle, line)
      else full()
    },
    close() {
      if (isOpen) closeSync(handle)
      isOpen = false
    },
  }
}
