// Judges a caller's WebRTC offer and writes the one that goes to the model's side: one audio section, the data channel cut out or kept, no addresses.
import { bad, type Description, type MediaSection, type Read, readDescription, valuesOf, writeDescription } from './description.js'

/** A browser's offer with audio and a channel has some sixty lines and three thousand characters. */
const LIMITS = { maxChars: 16_384, maxLines: 400, maxLineChars: 1024 }

export interface RewrittenOffer {
  readonly sdp: string
  /** Kind and mid of each section of `sdp`, in order. */
  readonly sections: readonly Pick<MediaSection, 'kind' | 'mid'>[]
  /** The caller's section that is not in `sdp`. Its answer needs it back. */
  readonly cut: CutSection | undefined
}

export interface CutSection {
  /** Among the caller's sections. */
  readonly at: number
  readonly section: Pick<MediaSection, 'kind' | 'protocol' | 'formats' | 'mid'>
}

/** Sources: RFC 8839 section 5.4 for both, RFC 8122 section 5 for the fingerprint. */
const UFRAG = /^[A-Za-z0-9+/]{4,256}$/
const PASSWORD = /^[A-Za-z0-9+/]{22,256}$/
const FINGERPRINT = /^sha-256 [0-9A-F]{2}(:[0-9A-F]{2}){31}$/i

/** They say where the caller is in its own network. The model's side learns the address that counts from the caller's first packet. */
const ADDRESS = /^a=(candidate|end-of-candidates|remote-candidates)\b/

/** `keepsChannel`: the data channel stays, so the caller can send events past the relay. */
export function rewriteOffer(text: string, keepsChannel: boolean): Read<RewrittenOffer> {
  const read = readDescription(text, LIMITS)
  if (!read.ok) return read
  const problem = sectionProblem(read.value, keepsChannel)
  if (problem !== undefined) return bad(problem)
  const { session, media } = read.value
  const at = keepsChannel ? -1 : media.findIndex(({ kind }) => kind === 'application')
  const cut = media[at]
  const kept = media.filter((section) => section !== cut).map(withoutAddresses)
  return {
    ok: true,
    value: {
      sdp: writeDescription({ session: session.filter((line) => !ADDRESS.test(line)).flatMap((line) => withoutMid(withoutAddress(line), cut?.mid)), media: kept }),
      sections: kept.map(({ kind, mid }) => ({ kind, mid })),
      cut: cut && { at, section: cut },
    },
  }
}

function sectionProblem({ session, media }: Description, keepsChannel: boolean): string | undefined {
  const audio = media.filter(({ kind }) => kind === 'audio')
  const channels = media.filter(({ kind }) => kind === 'application')
  if (audio.length !== 1) return `must have exactly one audio section and has ${audio.length}`
  if (channels.length > 1) return 'has more than one application section'
  if (media.length > audio.length + channels.length) return 'has a section that is neither audio nor application: video and others are not served'
  if (audio.some(({ protocol }) => protocol !== 'UDP/TLS/RTP/SAVPF')) return 'has an audio section whose protocol is not UDP/TLS/RTP/SAVPF'
  if (audio.some(({ port }) => port === 0)) return 'has an audio section of port 0'
  if (channels.some(({ protocol }) => !/^(UDP\/|TCP\/)?DTLS\/SCTP$/.test(protocol))) return 'has an application section that is no data channel'
  // A section of port 0 uses the way of another one, and need not describe it again.
  for (const section of (keepsChannel ? media : audio).filter(({ port }) => port !== 0)) {
    const missing = missingIn(session, section)
    if (missing !== undefined) return `has no usable ${missing} for its ${section.kind} section`
  }
  return undefined
}

/** An attribute of the session holds for all sections that do not say otherwise. */
function missingIn(session: readonly string[], { lines }: MediaSection): string | undefined {
  const all = (name: string) => (valuesOf(lines, name).length > 0 ? valuesOf(lines, name) : valuesOf(session, name))
  const one = (name: string, pattern: RegExp) => all(name).length === 1 && pattern.test(all(name)[0] ?? '')
  if (!one('ice-ufrag', UFRAG)) return 'a=ice-ufrag'
  if (!one('ice-pwd', PASSWORD)) return 'a=ice-pwd'
  return all('fingerprint').some((value) => FINGERPRINT.test(value)) ? undefined : 'sha-256 a=fingerprint'
}

/** Port 9 is what browsers write before they know one. */
function withoutAddresses(section: MediaSection): MediaSection {
  return { ...section, port: Math.min(9, section.port), lines: section.lines.filter((line) => !ADDRESS.test(line)).map(withoutAddress) }
}

function withoutAddress(line: string): string {
  if (line.startsWith('c=')) return 'c=IN IP4 0.0.0.0'
  return line.startsWith('a=rtcp:') ? 'a=rtcp:9 IN IP4 0.0.0.0' : line
}

/** A group without members is left out. */
function withoutMid(line: string, mid: string | undefined): readonly string[] {
  if (mid === undefined || !line.startsWith('a=group:')) return [line]
  const [semantics = '', ...mids] = line.split(' ').filter((word) => word !== '')
  const left = mids.filter((one) => one !== mid)
  return left.length > 0 ? [[semantics, ...left].join(' ')] : []
}
