// The file that lists running WebRTC calls: written before a caller has the answer, read at the next start. It names nobody.
import { closeSync, fdatasyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import type { CallRecord } from '../../ports/call-records.js'

export interface CallJournal {
  /** Calls that an earlier process began and did not end. */
  readonly left: readonly CallRecord[]
  /** On the disk when it returns. Throws if it cannot be written. */
  add(record: CallRecord): void
  /** A line that cannot be written costs a needless hang-up at the next start. */
  remove(id: string): void
}

/** A longer file is no journal of ours. */
const MAX_LINES = 1_000_000
const ID = /^[\w.:-]{1,256}$/

export function openCallJournal(file: string): CallJournal {
  const left = callsLeft(textOf(file))
  // Written anew, so that it does not grow from start to start. A crash in between leaves the old file or the new one.
  const fresh = `${file}.new`
  const first = openSync(fresh, 'w', 0o600)
  writeSync(first, left.map(lineOf).join(''))
  fdatasyncSync(first)
  closeSync(first)
  renameSync(fresh, file)
  const journal = openSync(file, 'a')
  return {
    left,
    add(record) {
      writeSync(journal, lineOf(record))
      fdatasyncSync(journal)
    },
    remove(id) {
      try {
        writeSync(journal, `${JSON.stringify({ over: id })}\n`)
      } catch {
        // The disk is full, or gone.
      }
    },
  }
}

function lineOf({ id, placed, since }: CallRecord): string {
  return `${JSON.stringify({ id, call: placed.callId, upstream: placed.upstream, since })}\n`
}

/** A line that was cut by a crash, or that somebody else wrote, is passed over. */
function callsLeft(text: string): readonly CallRecord[] {
  const open = new Map<string, CallRecord>()
  for (const line of text.split('\n').slice(0, MAX_LINES)) {
    const { id, call, upstream, since, over } = fieldsOf(line)
    if (typeof over === 'string') open.delete(over)
    if (typeof id !== 'string' || typeof call !== 'string' || !ID.test(id) || !ID.test(call) || typeof upstream !== 'string' || typeof since !== 'number') continue
    open.set(id, { id, placed: { callId: call, upstream }, since, caller: '', sealed: '' })
  }
  return [...open.values()]
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const fields: unknown = JSON.parse(line)
    return typeof fields === 'object' && fields !== null ? (fields as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
