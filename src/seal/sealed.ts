// Seals what leaves this instance with AES-256-GCM, so that only a client's own secret opens it, and no change of it goes unnoticed.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

// Layout: form, count of keys, the data's key sealed under each of them, the data sealed under its key. Each sealed part: nonce, tag, text.
const FORM = 1
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const WRAPPED_BYTES = NONCE_BYTES + TAG_BYTES + KEY_BYTES

/** Any of `keys` opens it, and only as that of the session `id`. */
export function seal(id: string, text: string, keys: readonly Buffer[]): Buffer {
  const key = randomBytes(KEY_BYTES)
  const wrapped = keys.map((one) => encrypted(one, key, id))
  return Buffer.concat([Buffer.from([FORM, keys.length]), ...wrapped, encrypted(key, Buffer.from(text), id)])
}

/** Undefined: another key, another session, or not as it was sealed. */
export function unseal(id: string, sealed: Buffer, key: Buffer): string | undefined {
  const [form, count = 0] = sealed
  const body = 2 + count * WRAPPED_BYTES
  if (form !== FORM || sealed.length < body + NONCE_BYTES + TAG_BYTES) return undefined
  for (let at = 2; at < body; at += WRAPPED_BYTES) {
    const inner = decrypted(key, sealed.subarray(at, at + WRAPPED_BYTES), id)
    if (inner) return decrypted(inner, sealed.subarray(body), id)?.toString()
  }
  return undefined
}

function encrypted(key: Buffer, data: Buffer, id: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(id))
  const text = Buffer.concat([cipher.update(data), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), text])
}

function decrypted(key: Buffer, sealed: Buffer, id: string): Buffer | undefined {
  const nonce = sealed.subarray(0, NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(id))
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()])
  } catch {
    return undefined
  }
}
