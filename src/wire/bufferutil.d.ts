// What this project uses of `bufferutil`, which brings no types.
declare module 'bufferutil' {
  interface BufferUtil {
    /** Writes `length` bytes of `source`, XORed with the four of `mask`, to `output` from `offset` on. */
    mask(source: Uint8Array, mask: Uint8Array, output: Uint8Array, offset: number, length: number): void
    /** The same in place. */
    unmask(buffer: Uint8Array, mask: Uint8Array): void
  }
  const bufferUtil: BufferUtil
  export = bufferUtil
}
