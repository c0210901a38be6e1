// A signed statement of how far a chain is: a checkpoint as transparency logs have it (C2SP tlog-checkpoint, signed-note), by Ed25519.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

export interface Checkpoint {
  /** Names the relay and its chain. */
  readonly origin: string
  /** Lines that it covers. */
  readonly size: number
  /** Of the tree over these lines. */
  readonly root: Buffer
}

/** Ed25519, as the specification of signed notes numbers it. */
const ED25519 = 1
const KEY_NAME = 'realtime-relay'
const RAW_KEY_BYTES = 32
const DASH = '\u2014'

export function originOf(chain: string): string {
  return `${KEY_NAME}/${chain}`
}

export function chainOf({ origin }: Checkpoint): string {
  return origin.slice(KEY_NAME.length + 1)
}

/** Throws if the PEM is no Ed25519 private key. */
export function signingKey(pem: string): KeyObject {
  return ed25519(createPrivateKey(pem))
}

/** Of a private key as well. Throws if the PEM is no Ed25519 key. */
export function verifyingKey(pem: string): KeyObject {
  return ed25519(createPublicKey(pem))
}

function ed25519(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('no Ed25519 key')
  return key
}

export function signCheckpoint(checkpoint: Checkpoint, key: KeyObject): string {
  const body = bodyOf(checkpoint)
  const signature = Buffer.concat([keyIdOf(createPublicKey(key)), sign(null, Buffer.from(body), key)])
  return `${body}\n${DASH} ${KEY_NAME} ${signature.toString('base64')}\n`
}

/** Undefined: not signed by this key, or no checkpoint. */
export function readCheckpoint(note: string, key: KeyObject): Checkpoint | undefined {
  const end = note.indexOf('\n\n')
  if (end < 0) return undefined
  const body = note.slice(0, end + 1)
  const [origin, size, root, ...more] = body.split('\n')
  if (!origin || !size || !root || !/^(0|[1-9]\d{0,14})$/.test(size) || more.some((line) => line !== '')) return undefined
  const keyId = keyIdOf(key)
  const isSigned = note
    .slice(end + 2)
    .split('\n')
    .some((line) => {
      const [dash, name, base64] = line.split(' ')
      if (dash !== DASH || name !== KEY_NAME || !base64) return false
      const bytes = Buffer.from(base64, 'base64')
      return bytes.subarray(0, keyId.length).equals(keyId) && verify(null, Buffer.from(body), key, bytes.subarray(keyId.length))
    })
  return isSigned ? { origin, size: Number(size), root: Buffer.from(root, 'base64') } : undefined
}

function bodyOf({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`
}

/** Four bytes, so that a reader knows which key to try. */
function keyIdOf(publicKey: KeyObject): Buffer {
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-RAW_KEY_BYTES)
  return createHash('sha256')
    .update(Buffer.concat([Buffer.from(`${KEY_NAME}\n`), Buffer.from([ED25519]), raw]))
    .digest()
    .subarray(0, 4)
}
