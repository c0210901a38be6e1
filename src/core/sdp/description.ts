// Reads a session description of WebRTC into its sections, within bounds, and writes it again. Whoever sent it may be hostile.

export interface DescriptionLimits {
  readonly maxChars: number
  readonly maxLines: number
  readonly maxLineChars: number
}

export interface MediaSection {
  readonly kind: string
  readonly port: number
  readonly protocol: string
  /** What follows the protocol: payload types, or the name of the channel. */
  readonly formats: string
  /** Empty: it has none. */
  readonly mid: string
  /** All lines after the `m=` line. */
  readonly lines: readonly string[]
}

export interface Description {
  /** The lines before the first section. */
  readonly session: readonly string[]
  readonly media: readonly MediaSection[]
}

/** `problem` completes a sentence that begins with the name of the description. It quotes nothing. */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string }

const LINE = /^[a-z]=[\x20-\x7e]*$/
const MEDIA = /^m=([a-z]{1,16}) (\d{1,5}) ([A-Za-z0-9/]{1,32}) ([\x21-\x7e]+(?: [\x21-\x7e]+)*)$/
const MID = /^[A-Za-z0-9_.+-]{1,32}$/
/** Every description begins with them, in this order (RFC 8866 section 5). */
const FIRST = ['v=0', 'o=', 's=']
/** WebRTC's own have two at most. */
const MAX_SECTIONS = 16

export function readDescription(text: string, { maxChars, maxLines, maxLineChars }: DescriptionLimits): Read<Description> {
  if (text.length > maxChars) return bad(`is longer than ${maxChars} characters`)
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
  if (lines.at(-1) === '') lines.pop()
  if (lines.length > maxLines) return bad(`has more than ${maxLines} lines`)
  if (lines.some((line) => line.length > maxLineChars)) return bad(`has a line of more than ${maxLineChars} characters`)
  if (!lines.every((line) => LINE.test(line))) return bad('has a line that is not a letter, an equals sign and printable ASCII')
  if (!FIRST.every((start, index) => lines[index]?.startsWith(start)) || lines[0] !== FIRST[0]) return bad('does not begin with the lines v=0, o= and s=')
  return sectionsOf(lines)
}

function sectionsOf(lines: readonly string[]): Read<Description> {
  const starts = lines.flatMap((line, index) => (line.startsWith('m=') ? [index] : []))
  if (starts.length === 0) return bad('has no media section')
  if (starts.length > MAX_SECTIONS) return bad(`has more than ${MAX_SECTIONS} media sections`)
  const media: MediaSection[] = []
  for (const [index, start] of starts.entries()) {
    const [, kind = '', port = '', protocol = '', formats = ''] = MEDIA.exec(lines[start] ?? '') ?? []
    if (kind === '' || Number(port) > 65_535) return bad(`has a malformed m= line: section ${index + 1}`)
    const own = lines.slice(start + 1, starts[index + 1])
    const mids = valuesOf(own, 'mid')
    const mid = mids[0] ?? ''
    if (mids.length > 1 || (mids.length === 1 && !MID.test(mid))) return bad(`has a malformed a=mid: section ${index + 1}`)
    if (mid !== '' && media.some((other) => other.mid === mid)) return bad('has the same a=mid twice')
    media.push({ kind, port: Number(port), protocol, formats, mid, lines: own })
  }
  return { ok: true, value: { session: lines.slice(0, starts[0]), media } }
}

export function writeDescription({ session, media }: Description): string {
  const lines = [...session, ...media.flatMap(({ kind, port, protocol, formats, lines: own }) => [`m=${kind} ${port} ${protocol} ${formats}`, ...own])]
  return `${lines.join('\r\n')}\r\n`
}

/** What the attribute `name` says, once for each line that has it. */
export function valuesOf(lines: readonly string[], name: string): readonly string[] {
  const start = `a=${name}:`
  return lines.flatMap((line) => (line.startsWith(start) ? [line.slice(start.length).trim()] : []))
}

export function bad(problem: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem }
}
