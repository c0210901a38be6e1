// One deadline for all work between an upgrade request and its answer. It also ends when the client leaves.
import type { Socket } from 'node:net'
import { RefusalError } from '../core/protocol/errors.js'

/** The client's socket closed during admission, so no answer can be sent. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

export interface Deadline {
  /**
   * Settles as `work` does, or rejects once the time is over (`internal`) or the client has left (`ClientGone`). A later value of `work`
   * goes to `discard`; a later failure is ignored.
   */
  within<T>(work: Promise<T> | T, discard?: (late: T) => void): Promise<T>
  end(): void
}

export function startDeadline(socket: Socket, timeoutMs: number): Deadline {
  let over: ((reason: Error) => void) | undefined
  const ended = new Promise<never>((_resolve, reject) => {
    over = reject
  })
  ended.catch(() => {})
  const onClose = (): void => over?.(new ClientGone('client gone'))
  const timer = setTimeout(() => over?.(new RefusalError('internal', 'handshake_timeout')), timeoutMs)
  socket.once('close', onClose)
  if (socket.destroyed) onClose()
  return {
    async within(work, discard) {
      let late = false
      const pending = Promise.resolve(work)
      pending.then(
        (value) => {
          if (late) discard?.(value)
        },
        () => {},
      )
      try {
        return await Promise.race([ended, pending])
      } catch (error) {
        late = true
        throw error
      }
    },
    end() {
      clearTimeout(timer)
      socket.removeListener('close', onClose)
    },
  }
}
