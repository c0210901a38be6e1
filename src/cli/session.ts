// The command `session`: what one session does now, from the admin API, and what happened in it, from a log, without content.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Picture, SessionShown } from '../ports/picture.js'
import { type AdminPort, type AdminPortOptions, adminPort, askAdmin, pictures } from './admin-port.js'
import { UsageError } from './commands.js'
import { entryOf, type TimelineEntry, timelineText } from './timeline.js'
import { amount, duration, milliseconds, money, printable, TURN_WORDS } from './turn-words.js'

/** What the admin API lists of a session, as far as it is printed: not who the user is. */
interface Listed {
  readonly profile: string
  readonly dialect: string
  readonly deployment: string
  readonly relay: string
  readonly since: string
  readonly legs?: number
  readonly losses?: number
  readonly restores?: number
  readonly rollovers?: number
}

export interface SessionOptions {
  readonly id: string
  /** A file; `-`: standard input. Undefined: no log. */
  readonly log: string | undefined
  /** Undefined: the log alone. */
  readonly port: AdminPort | undefined
  readonly stdin: Readable
}

/** Of one session; a log of days may hold more lines of debug. */
const MOST_ENTRIES = 10_000

/** What was typed. */
export async function sessionCommand(
  id: string,
  typed: AdminPortOptions & { readonly log?: string; readonly offline?: boolean },
  stdin: Readable,
  print: (line: string) => void,
): Promise<void> {
  if (typed.offline && typed.log === undefined) throw new UsageError('With --offline only the log is read: give it with --log FILE.', 'session')
  const port = typed.offline ? undefined : await adminPort('session', typed)
  return session({ id, log: typed.log, port, stdin }, print)
}

/** Throws a `UsageError` if nothing is known of the session. */
export async function session({ id, log, port, stdin }: SessionOptions, print: (line: string) => void): Promise<void> {
  const live = port && (await liveSession(port, id))
  const { entries, left } = log === undefined ? { entries: [], left: 0 } : await readLog(log === '-' ? stdin : createReadStream(log), id, log)
  if (!live && entries.length === 0) throw new UsageError(unknown(id, log, port !== undefined), 'session')
  print(`Session  ${printable(id)}`)
  if (live) for (const line of liveLines(live)) print(printable(line))
  else if (port) print('Now      not live: it is over, or its upstream was never reached')
  if (entries.length === 0) {
    print(log === undefined ? 'Before   is in the log: add --log FILE, or --log - to read it from standard input' : 'Before   the log has no line of it')
    return
  }
  print('')
  for (const line of timelineText(entries)) print(line)
  if (left > 0) print(`${left} more lines are not shown`)
}

async function liveSession(
  port: AdminPort,
  id: string,
): Promise<{ readonly listed: Listed; readonly shown: SessionShown | undefined; readonly picture: Picture | undefined } | undefined> {
  const answer = await askAdmin('session', port, `/sessions/${encodeURIComponent(id)}`, [404])
  if (answer.status === 404) {
    const said = (await answer.json().catch(() => ({}))) as { readonly error?: { readonly param?: string } }
    if (said.error?.param !== 'id') throw new UsageError(`${port.url} has no such path: it is no admin port, or its relay has another version.`, 'session')
    return undefined
  }
  const listed = (await answer.json()) as Listed
  for await (const picture of pictures('session', port)) return { listed, shown: picture.sessions.find((one) => one.id === id), picture }
  return { listed, shown: undefined, picture: undefined }
}

function liveLines({ listed, shown, picture }: NonNullable<Awaited<ReturnType<typeof liveSession>>>): readonly string[] {
  const { profile, dialect, deployment, relay, since, legs = 1, losses = 0, restores = 0, rollovers = 0 } = listed
  const lines = [
    `Since    ${since}`,
    `Profile  ${profile}, ${dialect}`,
    `Relay    ${relay}`,
    `Upstream ${shown?.upstream ?? deployment}, leg ${legs}: ${losses} lost, ${restores} restored, ${rollovers} planned moves`,
  ]
  if (!shown) return [...lines, 'Now      live; it is not among the thousand sessions that are shown']
  const { user, turn, turnSeconds, responses, inputTokens, outputTokens, backlogBytes, heldMessages, firstAudioMs, ageSeconds } = shown
  return [
    ...lines,
    `User     ${user}`,
    `Now      ${TURN_WORDS[turn] ?? turn} for ${duration(turnSeconds)}, ${duration(ageSeconds)} old`,
    `Used     ${amount(responses)} answers, ${amount(inputTokens)} tokens in, ${amount(outputTokens)} out, cost ${money(shown.money, picture?.spent.currency ?? null)}`,
    `Waiting  ${amount(backlogBytes)} bytes of backlog, ${heldMessages} held messages; first audio of the last answer ${milliseconds(firstAudioMs)}`,
  ]
}

async function readLog(stream: Readable, id: string, name: string): Promise<{ readonly entries: readonly TimelineEntry[]; readonly left: number }> {
  const entries: TimelineEntry[] = []
  let left = 0
  const failed = new Promise<never>((_, reject) => {
    stream.once('error', (error: NodeJS.ErrnoException) =>
      reject(new UsageError(`${name} cannot be read (${error.code ?? 'unknown'}). --log names a file of the relay's log lines, or - for standard input.`, 'session')),
    )
  })
  failed.catch(() => undefined)
  const read = async (): Promise<void> => {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      const entry = entryOf(line, id)
      if (entry && entries.length < MOST_ENTRIES) entries.push(entry)
      else if (entry) left++
    }
  }
  await Promise.race([read(), failed])
  return { entries, left }
}

function unknown(id: string, log: string | undefined, asked: boolean): string {
  const nowhere = [...(asked ? ['no relay has it live'] : []), ...(log === undefined ? [] : ['the log has no line of it'])].join(', and ')
  const next =
    log === undefined
      ? 'If it is over, give its log with --log FILE.'
      : 'Is the id whole, and is it the log of the relay that ran it? At LOG_LEVEL=warn only what went wrong is logged.'
  return `Nothing is known of session ${JSON.stringify(id.slice(0, 64))}: ${nowhere}. ${next}`
}
