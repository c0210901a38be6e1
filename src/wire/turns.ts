// Says when one busy peer has been read for long enough, so that all other sockets get a turn.

/** Bytes in a row. Node by itself reads up to 2 MiB of a socket before the next. */
const MAX_IN_A_ROW = 256 * 1024
let last: object | undefined
let inARow = 0

/** To be told of every read. */
export function hadItsTurn(reader: object, bytes: number): boolean {
  inARow = last === reader ? inARow + bytes : bytes
  last = reader
  if (inARow < MAX_IN_A_ROW) return false
  inARow = 0
  return true
}

/** A reader that is gone is not kept in memory. */
export function leaveTurns(reader: object): void {
  if (last === reader) last = undefined
}
