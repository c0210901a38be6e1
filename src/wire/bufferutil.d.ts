// Types of the two functions of `bufferutil` that this project uses; the package has no types of its own.
declare module 'bufferutil' {
  interface BufferUtil {
    /** Writes `length` bytes of `source`, XORed with the four bytes of `mask`, to `output` at `offset`. */
    mask(source: Uint8Array, mask: Uint8Array, output: Uint8Array, offset: number, length: number): void
    /** The same in place. */
    unmask(buffer: Uint8Array, mask: Uint8Array): void
  }
  const bufferUtil: BufferUtil
  export = bufferUtil
}
