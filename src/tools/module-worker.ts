// Holds the program of a tool module's thread, and the messages it exchanges with the relay.

/** Sent to the thread. Each `call` gets one `started` and then one `done` or `failed`; each `abort` gets one `alive`. */
export type ToWorker =
  | { readonly kind: 'call'; readonly id: number; readonly exportName: string; readonly args: unknown; readonly identity: unknown; readonly keys?: string | undefined }
  | { readonly kind: 'abort'; readonly id: number }

/** `failed.error` has the error's class and place, never its message. */
export type FromWorker =
  | { readonly kind: 'ready'; readonly functions: readonly string[] }
  | { readonly kind: 'started'; readonly id: number }
  | { readonly kind: 'done'; readonly id: number; readonly output: string }
  | { readonly kind: 'failed'; readonly id: number; readonly error: string }
  | { readonly kind: 'alive'; readonly id: number }
  | { readonly kind: 'log'; readonly message: string }

export interface WorkerData {
  /** `file:` URL of the tool module. */
  readonly module: string
  /** Longest output in UTF-16 units. The thread cuts a longer one. */
  readonly maxLength: number
}

/**
 * Plain JavaScript as text: it must load unchanged from `dist/`, and from the sources under a test runner whose loader does not reach into
 * threads. It does only what the messages above need.
 */
export const MODULE_WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const controllers = new Map()
const post = (message) => parentPort.postMessage(message)
const describe = (error) => {
  const name = error instanceof Error ? error.name : typeof error
  const stack = error instanceof Error && typeof error.stack === 'string' ? error.stack : ''
  const place = stack.slice(stack.indexOf(error?.message) + String(error?.message).length).split('\\n').find((line) => /^\\s+at /.test(line))
  return String(name).slice(0, 100) + (place === undefined ? '' : ' ' + place.trim().slice(0, 300))
}
// JSON.stringify throws at a bigint and writes no text without quotes, so the digits are marked and their quotes taken off.
const mark = require('node:crypto').randomUUID()
const marked = new RegExp('"' + mark + '(-?[0-9]+)"', 'g')
const digits = (_, value) => (typeof value === 'bigint' ? mark + value : value)
const toText = (value) => {
  const text = typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value, digits)
  return (text ?? '').replace(marked, '$1').slice(0, workerData.maxLength)
}
const log = (message) => post({ kind: 'log', message: String(message).slice(0, 1000) })

async function run(tools, { id, exportName, args, identity, keys }) {
  const controller = new AbortController()
  controllers.set(id, controller)
  post({ kind: 'started', id })
  try {
    const output = toText(await tools[exportName](args, { identity, keys, signal: controller.signal, log }))
    post({ kind: 'done', id, output })
  } catch (error) {
    post({ kind: 'failed', id, error: describe(error) })
  } finally {
    controllers.delete(id)
  }
}

import(workerData.module).then((tools) => {
  parentPort.on('message', (message) => {
    if (message.kind === 'call') void run(tools, message)
    else {
      controllers.get(message.id)?.abort()
      post({ kind: 'alive', id: message.id })
    }
  })
  post({ kind: 'ready', functions: Object.keys(tools).filter((name) => typeof tools[name] === 'function') })
})
`
