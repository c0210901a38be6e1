// Makes of a file's bytes what may lie on a disk: as they are, or encrypted to people's public keys.
import { Encrypter } from 'age-encryption'

export interface Sealing {
  /** Behind a file's name. */
  readonly ending: '' | '.age'
  seal(bytes: Buffer): Promise<Uint8Array>
}

/** Throws if a recipient is none. */
export function createSealing(recipients: readonly string[]): Sealing {
  if (recipients.length === 0) return { ending: '', seal: async (bytes) => bytes }
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return { ending: '.age', seal: (bytes) => encrypter.encrypt(bytes) }
}
