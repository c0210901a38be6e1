// The Merkle tree over the lines of a chain (RFC 6962, section 2.1), of which only the roots of its full parts are kept.
import { createHash } from 'node:crypto'

/** Roots of full subtrees from the left, the largest first: one for each bit of `size` that is set. */
export interface Tree {
  readonly size: number
  readonly roots: readonly Buffer[]
}

export const emptyTree: Tree = { size: 0, roots: [] }

const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

/** The tree with one more line. */
export function withLeaf({ size, roots }: Tree, line: string): Tree {
  const next = [...roots]
  let root = sha256(LEAF, Buffer.from(line))
  // As many full parts end here as there are bits set at the end of the size.
  for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) root = sha256(NODE, next.pop() as Buffer, root)
  next.push(root)
  return { size: size + 1, roots: next }
}

export function rootOf({ roots }: Tree): Buffer {
  if (roots.length === 0) return sha256()
  return roots.reduceRight((right, left) => sha256(NODE, left, right))
}

function sha256(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
