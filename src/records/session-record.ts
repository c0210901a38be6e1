// Keeps one session: gathers its turns, writes them into the spool now and then, and hands the record over when the session ends.
import { createHash } from 'node:crypto'
import type { Note, Recorder } from '../ports/notes.js'
import type { Recorded } from '../ports/records.js'
import type { Sealing } from './sealing.js'
import type { Spool, SpooledRecord } from './spool.js'
import { createTurns } from './turns.js'

export interface SessionToRecord {
  readonly sessionId: string
  readonly person: string
  readonly profile: string
  readonly keeps: 'transcript'
  readonly consent: 'awaited' | 'given'
  /** Names of tools that pause what is kept. */
  readonly pausing: ReadonlySet<string>
}

export interface RecordOptions {
  readonly spool: Pick<Spool, 'begin'>
  readonly sealing: Sealing
  readonly redact: (text: string) => string
  readonly now: () => number
  /** A killed process loses what was said since then. */
  readonly writeMs: number
  /** Told once of a session that could not be written. */
  readonly onLost: () => void
}

export interface SessionRecord {
  readonly recorder: Recorder
  /** Ends it as a session does, and resolves when it is in the spool. */
  close(): Promise<void>
}

export function createSessionRecord(session: SessionToRecord, options: RecordOptions, onOver: () => void): SessionRecord {
  const turns = createTurns(options.redact)
  const startedAt = options.now()
  const states: { readonly state: string; readonly atMs: number }[] = session.consent === 'given' ? [{ state: 'on', atMs: 0 }] : []
  let isOn = session.consent === 'given'
  const pausedBy = new Set<string>()
  let isPaused = false
  let record: SpooledRecord | undefined
  let isOver = false
  let isLost = false
  let timer: NodeJS.Timeout | undefined
  let work: Promise<void> = Promise.resolve()

  const atMs = () => Math.max(0, Math.round(options.now() - startedAt))

  async function write(end: 'lost' | 'complete'): Promise<void> {
    if (turns.count === 0 || isLost) return
    try {
      record ??= await options.spool.begin({ person: session.person, session: session.sessionId, startedAt })
      const name = `turns.jsonl${options.sealing.ending}`
      const sealed = await options.sealing.seal(Buffer.from(turns.lines()))
      await record.write(name, sealed)
      await record.write('manifest.json', Buffer.from(manifest(end, name, sealed)))
    } catch {
      isLost = true
      options.onLost()
    }
  }

  /** The session's own words for itself; nothing that was said. `end`: `lost` stays if the process is killed. */
  function manifest(end: 'lost' | 'complete', name: string, sealed: Uint8Array): string {
    const { sessionId, person, profile, keeps } = session
    const files = [{ name, bytes: sealed.length, sha256: createHash('sha256').update(sealed).digest('hex') }]
    const gaps = turns.lost > 0 ? [{ what: 'turns', count: turns.lost }] : []
    const times = { startedAt: new Date(startedAt).toISOString(), ...(end === 'complete' && { endedAt: new Date(options.now()).toISOString() }) }
    return `${JSON.stringify({ v: 1, session: sessionId, person, profile, keeps, ...times, end, states, gaps, files }, undefined, 2)}\n`
  }

  function changed(): void {
    if (isOver) return
    timer ??= setTimeout(() => {
      timer = undefined
      work = work.then(() => write('lost'))
    }, options.writeMs)
    timer.unref()
  }

  function over(): Promise<void> {
    if (isOver) return work
    isOver = true
    clearTimeout(timer)
    work = work.then(async () => {
      await write('complete')
      record?.finish()
      onOver()
    })
    return work
  }

  function told(recorded: Recorded): void {
    switch (recorded.type) {
      case 'skipped':
        return turns.skip(recorded.itemId)
      case 'said':
        isOn = true
        if (isPaused) return passOver(recorded)
        if (turns.said(recorded)) changed()
        return
      case 'heard':
        if (turns.heard(recorded)) changed()
        return
      case 'state':
        isOn = recorded.state === 'on'
        states.push({ state: recorded.state, atMs: recorded.atMs })
        return changed()
      case 'over':
        over()
    }
  }

  /** The answer after the last such tool is the end of the pause, and itself not kept. */
  function passOver({ itemId, who, atMs }: Extract<Recorded, { type: 'said' }>): void {
    turns.skip(itemId)
    if (who !== 'assistant' || pausedBy.size > 0) return
    isPaused = false
    states.push({ state: 'on', atMs })
  }

  function note(note: Note): void {
    if (note.type === 'tool_started' && session.pausing.has(note.tool)) {
      if (!isPaused && isOn) states.push({ state: 'paused', atMs: atMs() })
      isPaused = true
      pausedBy.add(note.callId)
    }
    if (note.type === 'tool_finished') pausedBy.delete(note.callId)
    if (note.type === 'tool_finished' && isOn && !isOver && turns.tool({ tool: note.tool, outcome: note.outcome, atMs: atMs() })) changed()
  }

  return { recorder: { note, record: (recorded) => void (isOver || told(recorded)) }, close: over }
}
