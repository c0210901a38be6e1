// Keys that all relays of one configuration have, made of a secret that they share.
import { hkdfSync } from 'node:crypto'
import type { Config } from '../config/config.js'
import type { Secret } from '../config/secret.js'

const CALLS = 'realtime relay: calls 1'
const CALLERS = 'realtime relay: callers 1'
const GUARDS = 'realtime relay: guards 1'
const KEY_BYTES = 32

type Shared = Pick<Config, 'webrtc' | 'auth' | 'upstreams'>

/** Seals what one relay may need to take over another's WebRTC call. Undefined: the relays share no secret, so nothing is sealed. */
export function sealingKey(config: Shared): Buffer | undefined {
  return keyOf(sharedSecret(config), CALLS)
}

/** Makes a caller's name of a telephone number. Undefined: the relays share no secret. */
export function callerKey(config: Shared): Buffer | undefined {
  return keyOf(sharedSecret(config), CALLERS)
}

/** Makes the names that guards know users by. Undefined: the relays share no secret. */
export function guardKey(config: Shared): Buffer | undefined {
  return keyOf(sharedSecret(config), GUARDS)
}

function sharedSecret({ webrtc, auth, upstreams }: Shared): Secret | undefined {
  return webrtc.secret ?? (auth.key.kind === 'secret' ? auth.key.secret : upstreams.find(({ apiKey }) => apiKey)?.apiKey)
}

/** Neither the secret nor another key made of it follows from this one. */
function keyOf(secret: Secret | undefined, purpose: string): Buffer | undefined {
  return secret && Buffer.from(hkdfSync('sha256', secret.reveal(), '', purpose, KEY_BYTES))
}
