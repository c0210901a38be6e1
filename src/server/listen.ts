// Opens a port. If that fails, the error has the setting and its value, so that the start can name both.
import { lookup } from 'node:dns/promises'
import type { FastifyInstance } from 'fastify'

/** `PORT` and `HOST` have these names after `prefix`. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  constructor(
    readonly prefix: '' | 'ADMIN_',
    readonly host: string,
    readonly port: number,
    /** The system's own, such as EADDRINUSE. */
    readonly code: string,
  ) {
    super(code)
  }
}

/** Resolves to the address that it listens on. Rejects with a `ListenError`. */
export async function listenOn(app: FastifyInstance, prefix: ListenError['prefix'], { host, port }: { readonly host: string; readonly port: number }): Promise<string> {
  try {
    return await app.listen({ host: host === 'localhost' ? await oneOfLocalhost() : host, port })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error)) throw error
    throw new ListenError(prefix, host, port, error.code)
  }
}

/** For `localhost` Fastify would open a second listener for its other address, on which no bound on connections holds. */
async function oneOfLocalhost(): Promise<string> {
  const found = await lookup('localhost', { all: true })
  return (found.find(({ family }) => family === 4) ?? found[0])?.address ?? '127.0.0.1'
}
