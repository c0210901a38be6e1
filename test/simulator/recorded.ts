// The recorded sessions that lie in the folder of recordings: which can be played, of which kind each is, and which are left out.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isObject } from '../../src/core/protocol/events.js'
import { sharedPath } from '../support/shared.js'
import type { Line } from './playback.js'

export const SESSION_KINDS = ['GA Azure', 'GA OpenAI', 'preview', 'Voice Live', '2.x'] as const
export type SessionKind = (typeof SESSION_KINDS)[number]

export interface Recording {
  /** Folder and file, without `.jsonl`. */
  readonly name: string
  readonly kind: SessionKind
  readonly lines: readonly Line[]
}

/** Files that hold no session, by name. A file that is neither one nor among these is a mistake. */
const LEFT_OUT: readonly { readonly file: RegExp; readonly because: string }[] = [
  { file: /^README\.md$/, because: 'it is a text' },
  { file: /\/webrtc-http\.json$/, because: 'it holds two HTTP exchanges and no event; the simulator speaks no WebRTC' },
]

export interface Recordings {
  readonly sessions: readonly Recording[]
  readonly leftOut: readonly { readonly name: string; readonly because: string }[]
}

export function readRecordings(): Recordings {
  const sessions: Recording[] = []
  const leftOut: { name: string; because: string }[] = []
  for (const name of filesIn(sharedPath('recordings')).sort()) {
    const known = LEFT_OUT.find(({ file }) => file.test(name))
    if (known) leftOut.push({ name, because: known.because })
    else sessions.push(recordingOf(name, readFileSync(sharedPath(`recordings/${name}`), 'utf8')))
  }
  return { sessions, leftOut }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(join(folder, entry.name)).map((name) => `${entry.name}/${name}`) : [entry.name],
  )
}

/** Throws for a file that holds no events, so that none is passed over in silence. */
export function recordingOf(file: string, text: string): Recording {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => {
      const parsed = JSON.parse(line) as Partial<Line>
      if ((parsed.from !== 'client' && parsed.from !== 'server') || typeof parsed.event?.type !== 'string')
        throw new Error(`${file} holds a line that is no event, and no reason to leave it out is known`)
      return parsed as Line
    })
  return { name: file.replace(/\.jsonl$/, ''), kind: sessionKind(file, lines), lines }
}

/** By the model, else by the fields of the session, else by the folder. */
function sessionKind(file: string, lines: readonly Line[]): SessionKind {
  const session = lines.map(({ event }) => event.session).find((one) => isObject(one) && typeof one.model === 'string')
  if (isObject(session) && /^gpt-realtime-[2-9]/.test(String(session.model))) return '2.x'
  if (file.includes('voice-live')) return 'Voice Live'
  if (isObject(session) && 'modalities' in session) return 'preview'
  return file.startsWith('openai') ? 'GA OpenAI' : 'GA Azure'
}
