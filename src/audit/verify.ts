// Judges an audit: whether every line of every chain is as it was written, up to which line a signed checkpoint says so, and what is missing.
import type { KeyObject } from 'node:crypto'
import { type Checkpoint, chainOf, readCheckpoint } from './checkpoint.js'
import { AUDIT_VERSION, type AuditFields, hashOf, NO_LINE, readLine } from './record.js'
import { emptyTree, rootOf, withLeaf } from './tree.js'

export interface ChainText {
  /** Of its file, to show. */
  readonly name: string
  readonly text: string
  /** Signed checkpoints that lie beside it. */
  readonly notes: readonly string[]
}

export interface Finding {
  /** `broken`: changed, inserted, removed, moved, or cut. `unanchored`: nothing was found wrong, and nobody vouches for it. */
  readonly type: 'broken' | 'unanchored'
  readonly name: string
  /** Counted from 1; 0: of the whole file. */
  readonly line: number
  readonly what: string
}

export interface Verdict {
  readonly records: number
  readonly chains: number
  readonly findings: readonly Finding[]
}

interface ReadChain {
  readonly chain: string | undefined
  readonly size: number
  readonly hashes: ReadonlySet<string>
  readonly begun: AuditFields | undefined
}

/** `anchors`: checkpoints that were kept elsewhere. Without any, whoever can write the folder can cut a file together with what lies beside it. */
export function verifyAudit(chains: readonly ChainText[], anchors: readonly string[], key: KeyObject): Verdict {
  const findings: Finding[] = []
  const elsewhere = anchors.flatMap((note) => readCheckpoint(note, key) ?? [])
  if (elsewhere.length < anchors.length)
    findings.push({
      type: 'broken',
      name: 'anchors',
      line: 0,
      what: `${anchors.length - elsewhere.length} of ${anchors.length} checkpoints kept elsewhere are not signed by this key`,
    })
  const read = chains.map((one) => verifyChain(one, elsewhere, key, findings))
  const names = new Set(read.map(({ chain }) => chain))
  for (const chain of new Set(elsewhere.map(chainOf))) {
    if (!names.has(chain)) findings.push({ type: 'broken', name: 'anchors', line: 0, what: `${chain} has checkpoints elsewhere, and no file` })
  }
  for (const [index, { begun }] of read.entries()) {
    const after = begun?.after
    if (after === undefined || after === NO_LINE) continue
    const before = read.find(({ chain }) => chain === begun?.afterChain)
    const name = chains[index]?.name ?? ''
    if (!before) findings.push({ type: 'broken', name, line: 1, what: `goes on from ${begun?.afterChain}, which has no file` })
    else if (!before.hashes.has(String(after))) findings.push({ type: 'broken', name, line: 1, what: `goes on from a line that ${begun?.afterChain} does not have` })
  }
  return { records: read.reduce((sum, { size }) => sum + size, 0), chains: chains.length, findings }
}

function verifyChain({ name, text, notes }: ChainText, elsewhere: readonly Checkpoint[], key: KeyObject, findings: Finding[]): ReadChain {
  const broken = (line: number, what: string) => findings.push({ type: 'broken', name, line, what })
  const lines = text.split('\n')
  const rest = lines.pop()
  let hash = NO_LINE
  let tree = emptyTree
  let chain: string | undefined
  let begun: AuditFields | undefined
  const hashes = new Set<string>()
  const roots = new Map<number, Buffer>()
  const checkpoints = readNotes(notes, key, broken)
  const wanted = new Set([...checkpoints, ...elsewhere].map(({ size }) => size))
  for (const [index, line] of lines.entries()) {
    const record = readLine(line)
    const problem = problemOf(record, index, hash, chain)
    if (problem) {
      broken(index + 1, problem)
      break
    }
    chain = String(record?.chain)
    begun ??= record
    hash = hashOf(line)
    hashes.add(hash)
    tree = withLeaf(tree, line)
    if (wanted.has(tree.size)) roots.set(tree.size, rootOf(tree))
  }
  const own = [...checkpoints, ...elsewhere.filter((one) => chainOf(one) === chain)]
  for (const one of own) {
    if (chainOf(one) !== chain) broken(0, `has a checkpoint of ${chainOf(one)} beside it`)
    else if (one.size > tree.size) {
      if (tree.size === lines.length) broken(tree.size, `its end was cut off: a checkpoint counts ${one.size} records, and there are ${tree.size}`)
    } else if (!roots.get(one.size)?.equals(one.root)) broken(one.size, 'the lines up to here are not those that a checkpoint was signed for')
  }
  const isWhole = !findings.some((one) => one.name === name && one.type === 'broken')
  if (!isWhole) return { chain, size: tree.size, hashes, begun }
  const anchored = Math.max(0, ...own.filter(({ size }) => size <= tree.size).map(({ size }) => size))
  if (anchored < lines.length) findings.push({ type: 'unanchored', name, line: anchored + 1, what: `the last ${lines.length - anchored} records have no checkpoint` })
  else if (!elsewhere.some((one) => chainOf(one) === chain && one.size === anchored))
    findings.push({ type: 'unanchored', name, line: 0, what: 'its last checkpoint was not found elsewhere, so a cut together with that would not show' })
  if (rest !== '') findings.push({ type: 'unanchored', name, line: lines.length + 1, what: 'the last line is not whole, as after a crash' })
  return { chain, size: tree.size, hashes, begun }
}

function readNotes(notes: readonly string[], key: KeyObject, broken: (line: number, what: string) => void): readonly Checkpoint[] {
  const read = notes.flatMap((note) => readCheckpoint(note, key) ?? [])
  if (read.length < notes.length) broken(0, `${notes.length - read.length} of its ${notes.length} checkpoints are not signed by this key`)
  return read
}

function problemOf(record: AuditFields | undefined, index: number, before: string, chain: string | undefined): string | undefined {
  if (!record) return 'was changed: it is not written as the relay writes a record'
  if (record.v !== AUDIT_VERSION) return `has version ${record.v}, which this command does not know`
  if (record.seq !== index) return `a record is missing or was moved: it has number ${record.seq}, and ${index} belongs here`
  if (record.prev !== before) return 'it does not follow from the line before it: one of the two was changed'
  if (chain !== undefined && record.chain !== chain) return 'belongs to another chain'
  return undefined
}
