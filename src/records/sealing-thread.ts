// Encrypts sound in a thread of its own: ten calls would cost the event loop twenty milliseconds a second, nine of them at a time.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Sealing } from './sealing.js'

interface Answer {
  readonly id: number
  readonly sealed?: Uint8Array
}

interface Asked {
  readonly resolve: (sealed: Uint8Array) => void
  readonly reject: (error: Error) => void
}

export interface ThreadSealing extends Sealing {
  close(): Promise<void>
}

/** Beyond it a file counts as lost, and the thread as hanging. */
const ANSWER_MS = 60_000

/** As text, so that it loads alike from `dist/` and from the sources. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads')
const encrypter = import(workerData.library).then(({ Encrypter }) => {
  const encrypter = new Encrypter()
  for (const recipient of workerData.recipients) encrypter.addRecipient(recipient)
  return encrypter
})
encrypter.catch(() => undefined) // Told with each file; before the first, it would end the thread.
parentPort.on('message', async ({ id, bytes }) => {
  try {
    const sealed = await (await encrypter).encrypt(bytes)
    parentPort.postMessage({ id, sealed }, sealed.byteLength === sealed.buffer.byteLength ? [sealed.buffer] : [])
  } catch {
    parentPort.postMessage({ id })
  }
})
`

/** The thread begins with the first file. It holds what waits for it, which is bounded by who asks. */
export function createSealingThread(recipients: readonly string[]): ThreadSealing {
  const library = pathToFileURL(createRequire(import.meta.url).resolve('age-encryption')).href
  const asked = new Map<number, Asked>()
  let worker: Worker | undefined
  let last = 0

  function started(): Worker {
    const next = new Worker(THREAD, { eval: true, workerData: { library, recipients }, env: {}, argv: [], execArgv: [] })
    next.unref()
    next.on('message', ({ id, sealed }: Answer) => {
      const one = asked.get(id)
      asked.delete(id)
      if (sealed) one?.resolve(sealed)
      else one?.reject(new Error('not sealed'))
    })
    next.on('error', () => failed(next))
    next.on('exit', () => failed(next))
    return next
  }

  function failed(which: Worker): void {
    if (worker !== which) return
    worker = undefined
    for (const one of asked.values()) one.reject(new Error('no thread'))
    asked.clear()
  }

  return {
    ending: '.age',
    seal(bytes) {
      worker ??= started()
      const thread = worker
      const id = ++last
      return new Promise<Uint8Array>((resolve, reject) => {
        const late = setTimeout(() => void thread.terminate(), ANSWER_MS)
        const settled = <T>(then: (value: T) => void) => {
          return (value: T) => {
            clearTimeout(late)
            then(value)
          }
        }
        asked.set(id, { resolve: settled(resolve), reject: settled(reject) })
        thread.postMessage({ id, bytes })
      })
    },
    async close() {
      await worker?.terminate()
    },
  }
}
