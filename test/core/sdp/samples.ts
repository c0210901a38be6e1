// Offers and answers shaped like those of browsers, of aiortc and of Azure, written for these tests.

export const FINGERPRINT = Array.from({ length: 32 }, (_, index) => (index * 7 + 16).toString(16).toUpperCase().padStart(2, '0')).join(':')
export const UFRAG = 'uFr4'
export const PASSWORD = 'pw0123456789abcdefghijkl'

/** What a section of a browser says about its way. */
const way = (setup = 'actpass') => [`a=ice-ufrag:${UFRAG}`, `a=ice-pwd:${PASSWORD}`, 'a=ice-options:trickle', `a=fingerprint:sha-256 ${FINGERPRINT}`, `a=setup:${setup}`]
export const text = (...lines: readonly string[]) => `${lines.join('\r\n')}\r\n`

const opus = ['a=rtpmap:111 opus/48000/2', 'a=rtcp-fb:111 transport-cc', 'a=fmtp:111 minptime=10;useinbandfec=1', 'a=rtpmap:0 PCMU/8000', 'a=rtpmap:8 PCMA/8000']
export const chromiumAudio = [
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 0 8',
  'c=IN IP4 0.0.0.0',
  'a=rtcp:9 IN IP4 0.0.0.0',
  ...way(),
  'a=mid:0',
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'a=sendrecv',
  'a=msid:- 0b1c2d3e-0000-4000-8000-123456789abc',
  'a=rtcp-mux',
  'a=rtcp-rsize',
  ...opus,
  'a=ssrc:1234567 cname:someCname',
]
export const channel = (mid = '1', ...candidates: readonly string[]) => [
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 0.0.0.0',
  ...candidates,
  ...way(),
  `a=mid:${mid}`,
  'a=sctp-port:5000',
  'a=max-message-size:262144',
]
const head = (bundle: string) => ['v=0', 'o=- 4611731400430051336 2 IN IP4 127.0.0.1', 's=-', 't=0 0', `a=group:BUNDLE ${bundle}`]

/** Chromium's: audio, then the channel, no candidate yet. */
export const CHROMIUM = text(...head('0 1'), 'a=extmap-allow-mixed', 'a=msid-semantic: WMS', ...chromiumAudio, ...channel())

/** Firefox's: the fingerprint stands once for all, the channel comes second, addresses are in it. */
export const FIREFOX = text(
  'v=0',
  'o=mozilla...THIS_IS_SDPARTA-99.0 7126391233 0 IN IP4 0.0.0.0',
  's=-',
  't=0 0',
  `a=fingerprint:sha-256 ${FINGERPRINT}`,
  'a=group:BUNDLE 0 1',
  'a=ice-options:trickle',
  'a=msid-semantic:WMS *',
  'm=audio 51234 UDP/TLS/RTP/SAVPF 109 9 0 8 101',
  'c=IN IP4 192.168.17.4',
  'a=candidate:0 1 UDP 2122252543 192.168.17.4 51234 typ host',
  'a=sendrecv',
  'a=end-of-candidates',
  'a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1',
  `a=ice-pwd:${PASSWORD}`,
  `a=ice-ufrag:${UFRAG}`,
  'a=mid:0',
  'a=rtcp:51235 IN IP4 192.168.17.4',
  'a=rtcp-mux',
  'a=rtpmap:109 opus/48000/2',
  'a=setup:actpass',
  'm=application 51234 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 192.168.17.4',
  'a=sendrecv',
  `a=ice-pwd:${PASSWORD}`,
  `a=ice-ufrag:${UFRAG}`,
  'a=mid:1',
  'a=setup:actpass',
  'a=sctp-port:5000',
  'a=max-message-size:1073741823',
)

/** aiortc's: three fingerprints, candidates in full, LF alone would do as well. */
export const AIORTC = [
  'v=0',
  'o=- 3973411000 3973411000 IN IP4 0.0.0.0',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  'a=msid-semantic:WMS *',
  'm=audio 40222 UDP/TLS/RTP/SAVPF 96 0 8',
  'c=IN IP4 10.4.0.2',
  'a=sendrecv',
  'a=mid:0',
  'a=rtcp:9 IN IP4 0.0.0.0',
  'a=rtcp-mux',
  'a=rtpmap:96 opus/48000/2',
  'a=candidate:aa11 1 udp 2130706431 10.4.0.2 40222 typ host',
  'a=end-of-candidates',
  `a=ice-ufrag:${UFRAG}`,
  `a=ice-pwd:${PASSWORD}`,
  `a=fingerprint:sha-256 ${FINGERPRINT}`,
  `a=fingerprint:sha-384 ${FINGERPRINT}:00`,
  'a=setup:actpass',
  'm=application 40223 DTLS/SCTP 5000',
  'c=IN IP4 10.4.0.2',
  'a=mid:1',
  'a=sctpmap:5000 webrtc-datachannel 65535',
  `a=ice-ufrag:${UFRAG}`,
  `a=ice-pwd:${PASSWORD}`,
  `a=fingerprint:sha-256 ${FINGERPRINT}`,
  'a=setup:actpass',
].join('\n')

const azureWay = ['a=ice-ufrag:AbCd/realtime-api-vmss-0001', `a=ice-pwd:${PASSWORD}`, `a=fingerprint:sha-256 ${FINGERPRINT}`, 'a=setup:active']
const azureCandidates = [
  'a=candidate:1 1 udp 2130706431 203.0.113.7 3478 typ host',
  'a=candidate:2 1 tcp 1671430143 203.0.113.7 3478 typ host tcptype passive',
  'a=end-of-candidates',
]
export const azureAudio = [
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 0 8',
  'c=IN IP4 0.0.0.0',
  ...azureWay,
  'a=mid:0',
  'a=rtcp-mux',
  'a=rtpmap:111 opus/48000/2',
  'a=ssrc:998877 cname:realtimeapi',
  'a=sendrecv',
  'a=msid:realtimeapi audio',
  ...azureCandidates,
]
export const azureChannel = ['m=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', ...azureWay, 'a=mid:1', 'a=sctp-port:5000', 'a=max-message-size:1073741823']
const azureHead = (bundle: string) => ['v=0', 'o=- 1789000000000000000 1789000000 IN IP4 0.0.0.0', 's=-', 't=0 0', `a=group:BUNDLE ${bundle}`]

/** Azure's answer to an offer without a channel, and to one with it. */
export const AZURE_MEDIA_ONLY = text(...azureHead('0'), ...azureAudio)
export const AZURE_SHARED = text(...azureHead('0 1'), ...azureAudio, ...azureChannel)
