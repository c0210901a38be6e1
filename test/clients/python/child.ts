// A Python client in a process of its own: it gets one request a line, answers with one line of JSON, and trusts the tests' certificate.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { CA_FILE } from '../support/lab.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))

export interface Child {
  call<T>(request: { readonly do: string; readonly [given: string]: string }): Promise<T>
  /** Rejects with what it complained about, unless it ends well. */
  close(): Promise<void>
}

export const hex = (pcm: Uint8Array): string => Buffer.from(pcm).toString('hex')

export function startChild(script: string, args: readonly string[], python = process.env.RELAY_TEST_PYTHON ?? 'python3'): Child {
  const child = spawn(python, [`${HERE}${script}`, ...args], { env: { ...process.env, SSL_CERT_FILE: CA_FILE, PYTHONDONTWRITEBYTECODE: '1' }, stdio: ['pipe', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', (data) => {
    complaints += data
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async call<T>(request: object): Promise<T> {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const line = await lines.next()
      if (line.done) throw new Error(`${script} ended: ${complaints}`)
      const answer = JSON.parse(line.value)
      if (answer.error) throw new Error(`${answer.error}\n${complaints}`)
      return answer
    },
    async close() {
      const exit = once(child, 'exit')
      child.stdin.end()
      const [code] = await exit
      if (code !== 0) throw new Error(`${script} ended with ${code}: ${complaints}`)
    },
  }
}
