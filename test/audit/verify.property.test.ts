// Whatever is done to an audit's files is found: every changed bit, removed, doubled, moved or inserted line, and every cut that a checkpoint elsewhere knows of.
import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { originOf, readCheckpoint, signCheckpoint, signingKey, verifyingKey } from '../../src/audit/checkpoint.js'
import { splitNotes } from '../../src/audit/files.js'
import { hashOf, NO_LINE, nextLine, readLine } from '../../src/audit/record.js'
import { emptyTree, rootOf, withLeaf } from '../../src/audit/tree.js'
import { verifyAudit } from '../../src/audit/verify.js'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const another = generateKeyPairSync('ed25519')
const CHAIN = 'relay-0a1b2c3d/1'

interface Made {
  readonly lines: readonly string[]
  readonly notes: readonly string[]
}

/** A chain with a checkpoint after each of `signedAt` records. */
function chainOf(records: number, signedAt: readonly number[]): Made {
  let head = { size: 0, hash: NO_LINE }
  let tree = emptyTree
  const lines: string[] = []
  const notes: string[] = []
  for (let n = 0; n < records; n++) {
    const fields = n === 0 ? { after: NO_LINE, afterChain: '' } : { session: `s${n % 3}`, name: 'get_weather', ms: n, note: 'ä"\\' }
    const next = nextLine(CHAIN, head, n === 0 ? 'begun' : 'tool', fields, 1_764_000_000_000 + n)
    head = next.head
    lines.push(next.line)
    tree = withLeaf(tree, next.line)
    if (signedAt.includes(n + 1)) notes.push(signCheckpoint({ origin: originOf(CHAIN), size: n + 1, root: rootOf(tree) }, privateKey))
  }
  return { lines, notes }
}

const textOf = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')
const judged = (text: string, { notes }: Made, anchors: readonly string[] = notes) => verifyAudit([{ name: 'a', text, notes }], anchors, publicKey).findings
const broken = (text: string, made: Made, anchors?: readonly string[]) => judged(text, made, anchors).filter(({ type }) => type === 'broken')

const size = fc.integer({ min: 4, max: 20 })

describe('an audit that was not touched', () => {
  it('has nothing against it', () => {
    fc.assert(
      fc.property(size, fc.integer({ min: 1, max: 19 }), (records, at) => {
        const made = chainOf(records, [Math.min(at, records), records])
        expect(judged(textOf(made.lines), made)).toEqual([])
      }),
    )
  })
})

describe('an audit that was touched', () => {
  it('shows every single bit that was changed', () => {
    const made = chainOf(2, [2])
    const bytes = Buffer.from(textOf(made.lines))
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const found = broken(changed.toString('utf8'), made, [])
      expect(found.length, `bit ${bit}`).toBeGreaterThan(0)
    }
  })

  it('shows a line that was removed, doubled, moved or put in, and where', () => {
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), fc.constantFrom('remove', 'double', 'swap', 'insert'), (records, one, two, how) => {
        const made = chainOf(records, [records])
        const at = one % (records - 1)
        const other = at + 1 + (two % (records - 1 - at))
        const lines: string[] = [...made.lines]
        if (how === 'remove') lines.splice(at, 1)
        if (how === 'double') lines.splice(at, 0, lines[at] ?? '')
        if (how === 'swap') [lines[at], lines[other]] = [lines[other] ?? '', lines[at] ?? '']
        if (how === 'insert') lines.splice(at + 1, 0, nextLine(CHAIN, { size: at + 1, hash: hashOf(lines[at] ?? '') }, 'tool', { name: 'forged' }, 0).line)
        const [finding] = broken(textOf(lines), made)
        expect(finding?.line).toBeGreaterThanOrEqual(at + 1)
        expect(finding?.line).toBeLessThanOrEqual(at + 3)
      }),
    )
  })

  it('shows a chain that was written anew from some line on, by its checkpoints', () => {
    const made = chainOf(10, [10])
    const forged = chainOf(10, []).lines.slice(0, 6)
    let head = { size: 6, hash: hashOf(forged[5] ?? '') }
    const rest = [6, 7, 8, 9].map((n) => {
      const next = nextLine(CHAIN, head, 'tool', { name: 'another', ms: n }, 1_764_000_000_000 + n)
      head = next.head
      return next.line
    })
    expect(broken(textOf([...forged, ...rest]), made)).toMatchObject([{ line: 10, what: expect.stringContaining('not those that a checkpoint was signed for') }, {}])
  })

  it('shows a tail that was cut, by the checkpoint beside it, or by one elsewhere', () => {
    fc.assert(
      fc.property(size, fc.nat(), (records, cut) => {
        const made = chainOf(records, [records])
        const lines = made.lines.slice(0, 1 + (cut % (records - 1)))
        expect(broken(textOf(lines), made)[0]).toMatchObject({ line: lines.length, what: expect.stringContaining('its end was cut off') })
        // Whoever cut the file took the checkpoint beside it away as well.
        expect(broken(textOf(lines), { ...made, notes: [] }, made.notes)[0]).toMatchObject({ line: lines.length, what: expect.stringContaining('its end was cut off') })
      }),
    )
  })

  it('shows a whole file that is gone, by a checkpoint elsewhere', () => {
    const made = chainOf(5, [5])
    expect(verifyAudit([], made.notes, publicKey).findings).toMatchObject([{ type: 'broken', what: expect.stringContaining('no file') }])
  })

  it('shows checkpoints that another key signed, or nobody', () => {
    const made = chainOf(5, [5])
    const forged = signCheckpoint({ origin: originOf(CHAIN), size: 5, root: Buffer.alloc(32) }, another.privateKey)
    expect(broken(textOf(made.lines), { ...made, notes: [forged] }, made.notes)).toMatchObject([{ what: expect.stringContaining('not signed by this key') }])
    expect(broken(textOf(made.lines), made, [...made.notes, (made.notes[0] ?? '').replace('\n5\n', '\n4\n')])).toMatchObject([{ name: 'anchors' }])
  })

  it('says what has no checkpoint', () => {
    const made = chainOf(9, [4])
    expect(judged(textOf(made.lines), made)).toEqual([{ type: 'unanchored', name: 'a', line: 5, what: 'the last 5 records have no checkpoint' }])
  })
})

describe('a line', () => {
  it('is read only if it is written as the relay writes it', () => {
    const { line } = nextLine(CHAIN, { size: 3, hash: 'a'.repeat(64) }, 'tool', { b: 1, a: 'x' }, 0)
    expect(Object.keys(readLine(line) ?? {})).toEqual(['a', 'at', 'b', 'chain', 'kind', 'prev', 'seq', 'v'])
    for (const other of [
      `${line} `,
      line.replace('{"a"', '{ "a"'),
      line.replace('"b":1', '"b":1.5'),
      line.replace('"b":1', '"b":true'),
      '[]',
      'null',
      '{',
      line.replace('"b":1', '"b":1,"b":1'),
    ])
      expect(readLine(other), other).toBeUndefined()
  })

  it('says who it is of, whatever fields it was given', () => {
    const { line } = nextLine(CHAIN, { size: 0, hash: NO_LINE }, 'tool', { seq: 7, prev: 'forged', kind: 'other', chain: 'x', v: 9, at: 'then' }, 0)
    expect(readLine(line)).toEqual({ at: '1970-01-01T00:00:00.000Z', chain: CHAIN, kind: 'tool', prev: NO_LINE, seq: 0, v: 1 })
  })
})

describe('the tree', () => {
  it('has the roots of RFC 6962', () => {
    const add = (lines: readonly string[]) => rootOf(lines.reduce(withLeaf, emptyTree)).toString('hex')
    expect(add([])).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    // The vectors that implementations of Certificate Transparency share, of which these leaves are texts.
    expect(add([''])).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d')
    expect(add(['', '\u0000'])).toBe('fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125')
    expect(add(['', '\u0000', '\u0010'])).toBe('aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77')
    expect(add(['', '\u0000', '\u0010', ' !', '01', '@ABC', 'PQRSTUVW', '`abcdefghijklmno'])).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
  })
})

describe('a checkpoint', () => {
  it('is read by its key alone, also among other lines', () => {
    const { notes } = chainOf(3, [3])
    const log = `{"msg":"before"}\n${notes[0]}\n{"msg":"after"}\n`
    expect(splitNotes(log)).toEqual(notes)
    expect(readCheckpoint(notes[0] ?? '', publicKey)).toMatchObject({ origin: originOf(CHAIN), size: 3 })
    expect(readCheckpoint(notes[0] ?? '', another.publicKey)).toBeUndefined()
  })

  it('takes Ed25519 keys in PEM, and no others', () => {
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    expect(signingKey(pem).asymmetricKeyType).toBe('ed25519')
    expect(verifyingKey(pem).type).toBe('public')
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    expect(() => signingKey(ec)).toThrow()
    expect(() => signingKey('no key')).toThrow()
  })
})
