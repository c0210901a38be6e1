// Writes the answer to an offer, line by line as Azure's was recorded.
import { LEVEL_URI, type Offer, type OfferedPart } from './offer.js'
import type { LocalSide } from './peer.js'

/** `started`: seconds since 1970, which the service puts into `o=`. */
export function writeAnswer(offer: Offer, local: LocalSide, started: number): string {
  const used = offer.parts.filter((part) => part.kind !== 'refused').map((part) => part.mid)
  const lines = [
    'v=0',
    `o=- ${(BigInt(local.ssrc) << 29n) + 1n} ${started} IN IP4 0.0.0.0`,
    's=-',
    't=0 0',
    'a=msid-semantic:WMS *',
    `a=fingerprint:${local.fingerprint}`,
    ...(offer.bundles ? [`a=group:BUNDLE ${used.join(' ')}`] : []),
    ...offer.parts.flatMap((part) => (part.kind === 'audio' ? audioLines(offer, local) : part.kind === 'channel' ? channelLines(part, local) : refusedLines(part))),
  ]
  return `${lines.join('\r\n')}\r\n`
}

function audioLines({ audio }: Offer, local: LocalSide): string[] {
  const { mid, opus, pcmu, pcma, levelId } = audio
  const g711 = [pcmu, pcma].filter((type) => type !== undefined)
  return [
    `m=audio 9 UDP/TLS/RTP/SAVPF ${[opus, ...g711].join(' ')}`,
    'c=IN IP4 0.0.0.0',
    `a=setup:${local.setup}`,
    `a=mid:${mid}`,
    ...iceLines(local),
    'a=rtcp-mux',
    'a=rtcp-rsize',
    // Not in the recorded answer. Without it no browser says how loud its packets are.
    ...(levelId === undefined ? [] : [`a=extmap:${levelId} ${LEVEL_URI}`]),
    `a=rtpmap:${opus} opus/48000/2`,
    `a=fmtp:${opus} minptime=10;useinbandfec=1`,
    ...(pcmu === undefined ? [] : [`a=rtpmap:${pcmu} PCMU/8000`]),
    ...(pcma === undefined ? [] : [`a=rtpmap:${pcma} PCMA/8000`]),
    `a=ssrc:${local.ssrc} cname:realtimeapi`,
    `a=ssrc:${local.ssrc} msid:realtimeapi audio`,
    `a=ssrc:${local.ssrc} mslabel:realtimeapi`,
    `a=ssrc:${local.ssrc} label:audio`,
    'a=msid:realtimeapi audio',
    'a=sendrecv',
    ...local.candidates.map(({ address, port }, index) => `a=candidate:${251_932_399 + index} 1 udp ${2_130_706_431 - index} ${address} ${port} typ host ufrag ${local.ufrag}`),
    'a=end-of-candidates',
  ]
}

function channelLines(part: OfferedPart, local: LocalSide): string[] {
  return [
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 0.0.0.0',
    `a=setup:${local.setup}`,
    `a=mid:${part.mid}`,
    'a=sendrecv',
    'a=sctp-port:5000',
    'a=max-message-size:1073741823',
    ...iceLines(local),
  ]
}

/** Port 0 refuses a part; it stays, because an answer has as many as its offer. */
function refusedLines(part: OfferedPart): string[] {
  const [kind = 'm=video', , ...rest] = part.line.split(' ')
  return [[kind, '0', ...rest].join(' '), 'c=IN IP4 0.0.0.0', `a=mid:${part.mid}`, 'a=inactive']
}

function iceLines(local: LocalSide): string[] {
  return [`a=ice-ufrag:${local.ufrag}`, `a=ice-pwd:${local.password}`]
}
