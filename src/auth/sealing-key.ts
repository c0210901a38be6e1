// The key that all relays of one configuration have: it seals what one of them may need to take over another's WebRTC call.
import { hkdfSync } from 'node:crypto'
import type { Config } from '../config/config.js'

const PURPOSE = 'realtime relay: calls 1'
const KEY_BYTES = 32

/** Neither the secret nor another key made of it follows from this one. Undefined: the relays share no secret, so nothing is sealed. */
export function sealingKey({ webrtc, auth, upstreams }: Pick<Config, 'webrtc' | 'auth' | 'upstreams'>): Buffer | undefined {
  const secret = webrtc.secret ?? (auth.key.kind === 'secret' ? auth.key.secret : upstreams.find(({ apiKey }) => apiKey)?.apiKey)
  return secret && Buffer.from(hkdfSync('sha256', secret.reveal(), '', PURPOSE, KEY_BYTES))
}
