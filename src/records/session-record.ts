// Keeps one session: gathers its turns, writes them into the spool now and then, and hands the record over when the session ends.
import { createHash } from 'node:crypto'
import type { Note, Recorder } from '../ports/notes.js'
import type { Recorded } from '../ports/records.js'
import type { Sealing } from './sealing.js'
import { createSound } from './sound.js'
import { createSoundFiles } from './sound-files.js'
import type { Spool, SpooledRecord } from './spool.js'
import { createTurns } from './turns.js'

export interface SessionToRecord {
  readonly sessionId: string
  readonly person: string
  readonly profile: string
  readonly keeps: 'transcript' | 'audio'
  /** Sound is wanted too, and goes past the relay. */
  readonly soundPasses?: boolean
  /** Names of tools that pause what is kept. */
  readonly pausing: ReadonlySet<string>
}

export interface RecordOptions {
  readonly spool: Pick<Spool, 'begin'>
  readonly sealing: Sealing
  /** For sound, off the event loop. */
  readonly sealSound: Sealing
  readonly redact: (text: string) => string
  readonly now: () => number
  /** Steady, in milliseconds. */
  readonly clock: () => number
  /** A killed process loses what was said since then. */
  readonly writeMs: number
  /** Told when a session cannot be written. It is tried again. */
  readonly onLost: () => void
  /** Told when it is written after all, with all that was said. */
  readonly onKept: () => void
}

export interface SessionRecord {
  readonly recorder: Recorder
  /** Ends it as a session does, and resolves when it is in the spool. */
  close(): Promise<void>
}

/** Sound is looked at so often. */
const TICK_MS = 2000

export function createSessionRecord(session: SessionToRecord, options: RecordOptions, onOver: () => void): SessionRecord {
  const turns = createTurns(options.redact)
  const startedAt = options.now()
  const states: { readonly state: string; readonly atMs: number }[] = []
  // Nothing is kept before the session says so itself: one that moved here may have been told otherwise than its token says.
  let isOn = false
  const pausedBy = new Set<string>()
  let isPaused = false
  let record: SpooledRecord | undefined
  let isOver = false
  let isLost = false
  let remade = 0
  let timer: NodeJS.Timeout | undefined
  let work: Promise<void> = Promise.resolve()

  const beganAt = options.clock()
  const clock = () => options.clock() - beganAt
  const files = createSoundFiles({
    sealing: options.sealSound,
    write: (name, bytes) => keep(name, bytes),
    onFiles: () => isOver || enqueue(() => write('lost')),
  })
  const sound = session.keeps === 'audio' ? createSound({ clock, onSegment: (segment) => enqueue(files.add(segment)), onFull: files.lose }) : undefined
  const ticks = sound && setInterval(sound.tick, TICK_MS).unref()

  const atMs = () => Math.max(0, Math.round(options.now() - startedAt))

  function enqueue(next: () => Promise<void>): void {
    work = work.then(next)
  }

  async function begun(): Promise<SpooledRecord> {
    record ??= await options.spool.begin({ person: session.person, session: session.sessionId, startedAt })
    return record
  }

  async function keep(name: string, bytes: Uint8Array): Promise<void> {
    const into = await begun()
    await into.write(name, bytes)
    if (into.remade === remade) return
    remade = into.remade
    files.gone()
  }

  async function write(end: 'lost' | 'complete'): Promise<void> {
    if (turns.count === 0 && files.count === 0) return
    try {
      const name = `turns.jsonl${options.sealing.ending}`
      const sealed = await options.sealing.seal(Buffer.from(turns.lines()))
      await keep(name, sealed)
      const before = remade
      await keep('manifest.json', Buffer.from(manifest(end, name, sealed)))
      // The folder went between the two.
      if (remade !== before) {
        await keep(name, sealed)
        await keep('manifest.json', Buffer.from(manifest(end, name, sealed)))
      }
      if (isLost) options.onKept()
      isLost = false
    } catch {
      if (!isLost) options.onLost()
      isLost = true
      changed()
    }
  }

  /** The session's own words for itself; nothing that was said. `end`: `lost` stays if the process is killed. */
  function manifest(end: 'lost' | 'complete', name: string, sealed: Uint8Array): string {
    const { sessionId, person, profile, keeps } = session
    const all = [{ name, bytes: sealed.length, sha256: createHash('sha256').update(sealed).digest('hex') }, ...files.list]
    const past = session.soundPasses ? [{ what: 'sound', why: 'not_through_relay' }] : []
    const gaps = [...(turns.lost > 0 ? [{ what: 'turns', count: turns.lost }] : []), ...past, ...files.gaps]
    const times = { startedAt: new Date(startedAt).toISOString(), ...(end === 'complete' && { endedAt: new Date(options.now()).toISOString() }) }
    return `${JSON.stringify({ v: 1, session: sessionId, person, profile, keeps, ...times, end, states, gaps, files: all }, undefined, 2)}\n`
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
    clearInterval(ticks)
    sound?.end()
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
        sound?.skip(recorded.itemId)
        return turns.skip(recorded.itemId)
      case 'said':
        if (isPaused) return passOver(recorded)
        if (turns.said(recorded)) changed()
        return
      case 'heard':
        if (recorded.by === 'truncated') sound?.truncated(recorded.itemId, recorded.ms)
        if (turns.heard(recorded)) changed()
        return
      case 'state':
        isOn = recorded.state === 'on'
        if (isOn) sound?.begin()
        else sound?.stop()
        if (recorded.state === 'waiting') return
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
    sound?.go()
    states.push({ state: 'on', atMs })
  }

  function note(note: Note): void {
    if (note.type === 'tool_started' && session.pausing.has(note.tool)) {
      if (!isPaused && isOn) states.push({ state: 'paused', atMs: atMs() })
      isPaused = true
      sound?.pause()
      pausedBy.add(note.callId)
    }
    if (note.type === 'tool_finished') pausedBy.delete(note.callId)
    if (note.type === 'tool_finished' && isOn && !isOver && turns.tool({ tool: note.tool, outcome: note.outcome, atMs: atMs() })) changed()
  }

  return { recorder: { note, record: (recorded) => void (isOver || told(recorded)), ...(sound && { sound: sound.sink }) }, close: over }
}
