// Sound is encrypted off the event loop: for its recipients, also after the thread has ended, and what cannot be encrypted is told.
import { randomBytes } from 'node:crypto'
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { expect, it } from 'vitest'
import { createSealingThread } from '../../src/records/sealing-thread.js'

async function opened(identity: string, sealed: Uint8Array): Promise<Buffer> {
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  return Buffer.from(await decrypter.decrypt(sealed))
}

it('gives each file to the recipients, and begins again after its end', async () => {
  const identity = await generateIdentity()
  const sealing = createSealingThread([await identityToRecipient(identity)])
  const files = Array.from({ length: 5 }, (_, at) => randomBytes(1 + at * 100_000))
  const sealed = await Promise.all(files.map((file) => sealing.seal(file)))
  for (const [at, file] of files.entries()) expect((await opened(identity, sealed[at] as Uint8Array)).equals(file)).toBe(true)
  await sealing.close()
  expect((await opened(identity, await sealing.seal(Buffer.from('again')))).toString()).toBe('again')
  await sealing.close()
})

it('says so if it cannot', async () => {
  const sealing = createSealingThread(['age1no'])
  await expect(sealing.seal(Buffer.from('x'))).rejects.toThrow('not sealed')
  await sealing.close()
})

it('says so if the thread ends before its answer', async () => {
  const sealing = createSealingThread([await identityToRecipient(await generateIdentity())])
  const asked = sealing.seal(randomBytes(2_000_000))
  const told = expect(asked).rejects.toThrow('no thread')
  await sealing.close()
  await told
})

it('leaves the event loop alone', async () => {
  const sealing = createSealingThread([await identityToRecipient(await generateIdentity())])
  await sealing.seal(randomBytes(480_000))
  const before = performance.eventLoopUtilization()
  const file = randomBytes(480_000)
  // As much as ten calls make in twenty seconds.
  await Promise.all(Array.from({ length: 40 }, () => sealing.seal(file)))
  const { active } = performance.eventLoopUtilization(before)
  await sealing.close()
  console.log(`sealing 40 files of ten seconds: ${active.toFixed(0)} ms of the event loop`)
  // Encrypting them here would take four hundred milliseconds.
  expect(active).toBeLessThan(200)
})
