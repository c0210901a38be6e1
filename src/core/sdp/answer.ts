// Judges the answer to a rewritten WebRTC offer, and puts the section that was cut out back into it, rejected, where the caller expects it.
import { bad, type MediaSection, type Read, readDescription, valuesOf, writeDescription } from './description.js'
import type { CutSection, RewrittenOffer } from './offer.js'

/** Azure's has some fifty lines. It names its addresses, and so may be longer than an offer. */
const LIMITS = { maxChars: 65_536, maxLines: 1000, maxLineChars: 2048 }

export function rewriteAnswer(text: string, { sections, cut }: Pick<RewrittenOffer, 'sections' | 'cut'>): Read<string> {
  const read = readDescription(text, LIMITS)
  if (!read.ok) return read
  const { session, media } = read.value
  const same = media.length === sections.length && media.every(({ kind, mid }, index) => kind === sections[index]?.kind && mid === sections[index]?.mid)
  if (!same) return bad('has other sections than the offer')
  if (media.some(({ kind, port }) => kind === 'audio' && port === 0)) return bad('refuses the audio section')
  const described = media.every(({ lines, port }) => port === 0 || ['ice-ufrag', 'ice-pwd', 'fingerprint'].every((name) => valuesOf([...session, ...lines], name).length > 0))
  if (!described) return bad('has a section without ufrag, pwd or fingerprint')
  const whole = cut ? [...media.slice(0, cut.at), rejected(cut), ...media.slice(cut.at)] : media
  return { ok: true, value: writeDescription({ session, media: whole }) }
}

function rejected({ section: { kind, protocol, formats, mid } }: CutSection): MediaSection {
  return { kind, port: 0, protocol, formats, mid, lines: ['c=IN IP4 0.0.0.0', ...(mid === '' ? [] : [`a=mid:${mid}`]), 'a=inactive'] }
}
