// The files of an audit's folder: which chains there are, and where the newest one stands.
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { hashOf, readLine } from './record.js'

const LINES = '.jsonl'
const NOTES = '.checkpoints'

/** Paths of a chain's two files, without their endings, oldest name first. */
export async function chainFiles(dir: string): Promise<readonly string[]> {
  const names = await readdir(dir)
  return names
    .filter((name) => name.endsWith(LINES))
    .sort()
    .map((name) => join(dir, name.slice(0, -LINES.length)))
}

export async function readChain(file: string): Promise<{ readonly text: string; readonly notes: readonly string[] }> {
  const text = await readFile(`${file}${LINES}`, 'utf8')
  const notes = await readFile(`${file}${NOTES}`, 'utf8').catch(() => '')
  return { text, notes: splitNotes(notes) }
}

/** Signed notes out of a file that may hold other lines as well, such as a log's: each begins with an origin and ends with its signatures. */
export function splitNotes(text: string): readonly string[] {
  return text.match(/^realtime-relay\/relay-[0-9a-f]+\/\d+\n\d+\n[A-Za-z0-9+/=]+\n\n(?:\u2014 \S+ [A-Za-z0-9+/=]+\n)+/gm) ?? []
}

/** The last whole line of the file that was written last and has one. Undefined: there is none. */
export async function lastHeadIn(dir: string): Promise<{ readonly chain: string; readonly hash: string } | undefined> {
  const files = await chainFiles(dir)
  const times = await Promise.all(files.map(async (file) => ({ file, at: (await stat(`${file}${LINES}`)).mtimeMs })))
  // A crash, or a disk that was full, may have left an empty file: the one before it has the head then.
  for (const { file } of times.sort((a, b) => b.at - a.at || (basename(b.file) < basename(a.file) ? -1 : 1))) {
    const { text } = await readChain(file)
    const line =
      text
        .slice(0, Math.max(0, text.lastIndexOf('\n')))
        .split('\n')
        .pop() ?? ''
    const chain = readLine(line)?.chain
    if (typeof chain === 'string') return { chain, hash: hashOf(line) }
  }
  return undefined
}
