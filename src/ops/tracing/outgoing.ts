// What waits to be exported: at most so much, each batch within a deadline, and what is lost is counted.

/** As the SDK has it: 0 is success. */
export type Done = (result: { readonly code: 0 | 1 }) => void

export interface Outgoing {
  readonly most: number
  /** False: too many wait, and this one is lost. */
  enter(): boolean
  /** Sends `count` that have entered. `send` may answer late, twice or never. */
  deliver(count: number, send: (done: Done) => void, done: Done): void
  /** Lost so far: too many waited, or the collector was away, slow or refused them. */
  readonly lost: number
}

export interface OutgoingOptions {
  readonly most: number
  readonly deadlineMs: number
  /** A batch was not taken. `late`: nor answered. */
  readonly onFailed: (late: boolean) => void
}

export function createOutgoing({ most, deadlineMs, onFailed }: OutgoingOptions): Outgoing {
  let waiting = 0
  let lost = 0
  return {
    most,
    enter() {
      if (waiting >= most) {
        lost++
        return false
      }
      waiting++
      return true
    },
    deliver(count, send, done) {
      let isOpen = true
      const finish = (ok: boolean, late: boolean) => {
        if (!isOpen) return
        isOpen = false
        clearTimeout(timer)
        waiting -= count
        if (!ok) {
          lost += count
          onFailed(late)
        }
        done({ code: ok ? 0 : 1 })
      }
      // The exporter's own limit is one of silence: a collector that sends a byte now and then never reaches it.
      const timer = setTimeout(finish, deadlineMs, false, true)
      timer.unref()
      send(({ code }) => finish(code === 0, false))
    },
    get lost() {
      return lost
    },
  }
}
