// Makes mutants of a source text. Each is one small mistake at one place, such as a person could make. Probes tell which of them a test reaches.
import { parseAst } from 'vitest/node'

export interface Mutant {
  readonly start: number
  readonly end: number
  readonly text: string
  readonly operator: string
  /** What runs if and only if the mistake may matter. */
  readonly probe: { readonly start: number; readonly end: number; readonly statement: boolean }
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

const COMPARISONS: Readonly<Record<string, string>> = { '===': '!==', '!==': '===', '<': '<=', '<=': '<', '>': '>=', '>=': '>', '-': '+', '*': '+', '%': '*' }
const LOGIC: Readonly<Record<string, string>> = { '&&': '||', '||': '&&' }
/** Types have no effect at run time, and the compiler finds wrong imports. */
const SKIPPED = /^(TS(?!AsExpression|SatisfiesExpression|NonNullExpression)|Import|ExportAllDeclaration)/
/** Sentences are for people, so a changed one breaks nothing. */
const SENTENCE = / /

export function mutantsOf(source: string): readonly Mutant[] {
  const found: Mutant[] = []
  visit(parseAst(source, { lang: 'ts' }) as unknown as Node, source, found)
  return found
}

function visit(node: Node, source: string, found: Mutant[]): void {
  if (SKIPPED.test(node.type) || isNone(node)) return
  found.push(...mutationsAt(node, source))
  for (const [key, value] of Object.entries(node)) {
    if ((key === 'key' && node.computed !== true) || (key === 'source' && node.type.startsWith('Export'))) continue
    if (isNode(value)) visit(value, source, found)
    else if (Array.isArray(value)) for (const one of value) if (isNode(one)) visit(one, source, found)
  }
}

function mutationsAt(node: Node, source: string): readonly Mutant[] {
  const text = (one: Node) => source.slice(one.start, one.end)
  const replaced = (one: Node, by: string, operator: string, probed = one): Mutant => ({ start: one.start, end: one.end, text: by, operator, probe: probeOf(probed) })
  switch (node.type) {
    case 'IfStatement':
    case 'ConditionalExpression':
    case 'WhileStatement':
      return [replaced(node.test as Node, `!(${text(node.test as Node)})`, 'negate condition')]
    case 'LogicalExpression':
    case 'BinaryExpression': {
      const operator = node.operator as string
      const other = (node.type === 'LogicalExpression' ? LOGIC : COMPARISONS)[operator]
      const [left, right] = [node.left as Node, node.right as Node]
      const between = source.slice(left.end, right.start)
      return other === undefined
        ? []
        : [{ start: left.end, end: right.start, text: between.replace(operator, other), operator: `${operator} becomes ${other}`, probe: probeOf(left) }]
    }
    case 'UnaryExpression':
      return node.operator === '!' ? [replaced(node, text(node.argument as Node), 'drop !')] : []
    case 'ArrayExpression':
      return (node.elements as (Node | null)[]).flatMap((element) => (element && element.type !== 'SpreadElement' ? [dropped(source, element, element)] : []))
    case 'ObjectExpression':
      return (node.properties as Node[]).flatMap((property) => (property.type === 'SpreadElement' ? [dropped(source, property, property.argument as Node)] : []))
    case 'ExpressionStatement':
      return (node.expression as Node).type === 'Literal' ? [] : [replaced(node, ';', 'remove statement')]
    case 'ReturnStatement':
      // `undefined` instead of another falsy value is seldom a mistake, and a flipped one is another mutant.
      return node.argument && (node.argument as Node).type !== 'Literal' && text(node.argument as Node) !== 'undefined'
        ? [replaced(node, 'return undefined as never', 'return nothing', node.argument as Node)]
        : []
    case 'Literal':
      return literal(node, replaced)
    default:
      return []
  }
}

function literal(node: Node, replaced: (one: Node, by: string, operator: string) => Mutant): readonly Mutant[] {
  const { value, raw } = node as unknown as { value: unknown; raw: string }
  if (typeof value === 'boolean') return [replaced(node, String(!value), 'flip boolean')]
  if (typeof value === 'number') return [replaced(node, `(${raw} + 1)`, 'other number')]
  if (typeof value === 'string') return SENTENCE.test(value) ? [] : [replaced(node, value === '' ? `'x'` : `${raw.slice(0, -1)}_${raw.slice(-1)}`, 'other string')]
  if (!raw?.startsWith('/')) return []
  const unanchored: Mutant[] = []
  if (raw.startsWith('/^')) unanchored.push(replaced(node, `/${raw.slice(2)}`, 'drop ^'))
  const end = raw.lastIndexOf('/')
  if (raw[end - 1] === '$' && raw[end - 2] !== '\\') unanchored.push(replaced(node, raw.slice(0, end - 1) + raw.slice(end), 'drop $'))
  return unanchored
}

function dropped(source: string, element: Node, probed: Node): Mutant {
  const comma = /^\s*,/.exec(source.slice(element.end))
  return { start: element.start, end: element.end + (comma?.[0].length ?? 0), text: '', operator: 'drop element', probe: probeOf(probed) }
}

function probeOf({ type, start, end }: Node): Mutant['probe'] {
  return { start, end, statement: type === 'ExpressionStatement' }
}

/** The source with a call of `globalThis.__reached(number)` at each mutant's place; the first has the number `first`. */
export function probed(source: string, mutants: readonly Mutant[], first: number): string {
  const marks = mutants.flatMap(({ probe: { start, end, statement } }, index) => {
    const call = `globalThis.__reached(${first + index})`
    return [
      { at: start, rank: 1, inner: -end, text: statement ? `{ ${call};` : `(${call}, ` },
      { at: end, rank: 0, inner: -start, text: statement ? ' }' : ')' },
    ]
  })
  // At one place what ends comes before what begins. Of several that begin the longest comes first, and of several that end the shortest.
  marks.sort((a, b) => a.at - b.at || a.rank - b.rank || a.inner - b.inner)
  let [text, last] = ['', 0]
  for (const mark of marks) {
    text += source.slice(last, mark.at) + mark.text
    last = mark.at
  }
  return text + source.slice(last)
}

/** The source with a call of `globalThis.__turned()` in each turn of a loop, so that a loop which never ends can be told without waiting. */
export function counted(source: string): string {
  const bodies: Node[] = []
  const look = (node: Node): void => {
    if (/^(For(In|Of)?|While|DoWhile)Statement$/.test(node.type)) bodies.push(node.body as Node)
    for (const value of Object.values(node)) for (const one of [value].flat()) if (isNode(one)) look(one)
  }
  look(parseAst(source, { lang: 'ts' }) as unknown as Node)
  const marks = bodies.flatMap(({ start, end }) => [
    { at: start, text: '{ globalThis.__turned(); ' },
    { at: end, text: ' }' },
  ])
  marks.sort((a, b) => b.at - a.at)
  return marks.reduce((text, mark) => text.slice(0, mark.at) + mark.text + text.slice(mark.at), source)
}

/** `-1` says that nothing was found. Any other number below zero would say the same. */
function isNone({ type, operator, argument }: Node): boolean {
  return type === 'UnaryExpression' && operator === '-' && (argument as unknown as { value?: unknown }).value === 1
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}
