// Reads a browser's offer: what the answer needs of it, or what is wrong with it.

export const LEVEL_URI = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level'

export interface OfferedAudio {
  readonly mid: string
  /** Payload type of Opus. */
  readonly opus: number
  /** Payload types of G.711, which the service repeats in its answer. */
  readonly pcmu: number | undefined
  readonly pcma: number | undefined
  /** Id of the header extension that tells how loud a packet is. */
  readonly levelId: number | undefined
}

/** A part of the offer, in its order. `refused`: neither the audio nor the channel. */
export interface OfferedPart {
  readonly kind: 'audio' | 'channel' | 'refused'
  readonly mid: string
  /** Its `m=` line. */
  readonly line: string
}

export interface Offer {
  readonly sdp: string
  readonly audio: OfferedAudio
  readonly parts: readonly OfferedPart[]
  readonly bundles: boolean
}

export type OfferReading = { readonly ok: true; readonly offer: Offer } | { readonly ok: false; readonly message: string }

const MAX_PARTS = 16

export function readOffer(sdp: string): OfferReading {
  // The library wants whole lines; browsers end each with CRLF, and some clients with LF.
  const lines = sdp.split(/\r\n|\r|\n/).filter((line) => line !== '')
  if (lines[0] !== 'v=0') return bad('it does not begin with v=0')
  const starts = lines.flatMap((line, index) => (line.startsWith('m=') ? [index] : []))
  if (starts.length === 0) return bad('it has no media')
  if (starts.length > MAX_PARTS) return bad('it has too many media')
  const sections = starts.map((start, index) => lines.slice(start, starts[index + 1]))
  const audio = sections.find((section) => section[0]?.startsWith('m=audio '))
  if (!audio) return bad('it has no audio')
  const opus = payloadType(audio, 'opus/48000')
  if (opus === undefined) return bad('its audio has no Opus')
  const channel = sections.find((section) => /^m=application .*webrtc-datachannel/.test(section[0] ?? ''))
  return {
    ok: true,
    offer: {
      sdp: `${lines.join('\r\n')}\r\n`,
      audio: {
        mid: fieldOf(audio, 'mid') ?? '0',
        opus,
        pcmu: payloadType(audio, 'PCMU/8000'),
        pcma: payloadType(audio, 'PCMA/8000'),
        levelId: extensionId(audio, LEVEL_URI),
      },
      parts: sections.map((section, index) => ({
        kind: section === audio ? 'audio' : section === channel ? 'channel' : 'refused',
        mid: fieldOf(section, 'mid') ?? String(index),
        line: section[0] ?? '',
      })),
      bundles: lines.some((line) => line.startsWith('a=group:BUNDLE')),
    },
  }
}

function fieldOf(lines: readonly string[], name: string): string | undefined {
  const value = lines.find((line) => line.startsWith(`a=${name}:`))?.slice(name.length + 3)
  // It goes into our own lines.
  return value !== undefined && /^[\w.+-]{1,32}$/.test(value) ? value : undefined
}

function payloadType(lines: readonly string[], codec: string): number | undefined {
  const found = lines.map((line) => /^a=rtpmap:(\d{1,3}) (\S+)/.exec(line)).find((match) => match?.[2]?.toLowerCase().startsWith(codec.toLowerCase()))
  const type = Number(found?.[1] ?? Number.NaN)
  if (type <= 127) return type
  // Types below 96 need no line of their own.
  const fixed = { 'PCMU/8000': '0', 'PCMA/8000': '8' }[codec]
  return fixed !== undefined && lines[0]?.split(' ').slice(3).includes(fixed) ? Number(fixed) : undefined
}

function extensionId(lines: readonly string[], uri: string): number | undefined {
  const found = lines.map((line) => /^a=extmap:(\d{1,2})(?:\/\S+)? (\S+)/.exec(line)).find((match) => match?.[2] === uri)
  const id = Number(found?.[1] ?? Number.NaN)
  return id >= 1 && id <= 14 ? id : undefined
}

function bad(why: string): OfferReading {
  return { ok: false, message: `The SDP offer cannot be used: ${why}.` }
}
