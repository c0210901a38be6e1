// Reads exports of OpenTelemetry by the field numbers of its official protocol (opentelemetry-proto 1.x), without the package that wrote them.

type Scalar = 'text' | 'hex' | 'int' | 'bool' | 'fixed64' | 'double' | 'fixed32' | 'fixed64s' | 'doubles'
interface Field {
  readonly name: string
  readonly type: Scalar | (() => Message)
  readonly many?: boolean
}
type Message = Readonly<Record<number, Field>>
type Fields = Record<string, unknown>

const one = (name: string, type: Field['type']): Field => ({ name, type })
const many = (name: string, type: Field['type']): Field => ({ name, type, many: true })

const ANY: Message = {
  1: one('stringValue', 'text'),
  2: one('boolValue', 'bool'),
  3: one('intValue', 'int'),
  4: one('doubleValue', 'double'),
  5: one('arrayValue', () => ({ 1: many('values', () => ANY) })),
  6: one('kvlistValue', () => ({ 1: many('values', () => KEY_VALUE) })),
}
const KEY_VALUE: Message = { 1: one('key', 'text'), 2: one('value', () => ANY) }
const attributes = many('attributes', () => KEY_VALUE)
const RESOURCE: Message = { 1: attributes }
const SCOPE: Message = { 1: one('name', 'text'), 2: one('version', 'text') }
const EVENT: Message = { 1: one('at', 'fixed64'), 2: one('name', 'text'), 3: attributes }
const LINK: Message = { 1: one('traceId', 'hex'), 2: one('spanId', 'hex'), 4: attributes, 6: one('flags', 'fixed32') }
const SPAN: Message = {
  1: one('traceId', 'hex'),
  2: one('spanId', 'hex'),
  4: one('parentSpanId', 'hex'),
  5: one('name', 'text'),
  6: one('kind', 'int'),
  7: one('start', 'fixed64'),
  8: one('end', 'fixed64'),
  9: attributes,
  11: many('events', () => EVENT),
  13: many('links', () => LINK),
  15: one('status', () => ({ 2: one('message', 'text'), 3: one('code', 'int') })),
}
const NUMBER: Message = { 7: attributes, 2: one('start', 'fixed64'), 3: one('at', 'fixed64'), 4: one('asDouble', 'double'), 6: one('asInt', 'fixed64') }
const BUCKETS: Message = { 9: attributes, 4: one('count', 'fixed64'), 5: one('sum', 'double'), 6: one('bucketCounts', 'fixed64s'), 7: one('bounds', 'doubles') }
const METRIC: Message = {
  1: one('name', 'text'),
  2: one('description', 'text'),
  5: one('gauge', () => ({ 1: many('points', () => NUMBER) })),
  7: one('sum', () => ({ 1: many('points', () => NUMBER), 2: one('temporality', 'int'), 3: one('isMonotonic', 'bool') })),
  9: one('histogram', () => ({ 1: many('points', () => BUCKETS), 2: one('temporality', 'int') })),
}
const RECORD: Message = { 1: one('at', 'fixed64'), 2: one('severity', 'int'), 3: one('severityText', 'text'), 5: one('body', () => ANY), 6: attributes }

const request = (name: string, item: Message): Message => ({
  1: many('of', () => ({ 1: one('resource', () => RESOURCE), 2: many('scopes', () => ({ 1: one('scope', () => SCOPE), 2: many(name, () => item) })) })),
})
const REQUESTS = { traces: request('items', SPAN), metrics: request('items', METRIC), logs: request('items', RECORD) }

export interface Exported<T> {
  readonly resource: Readonly<Record<string, unknown>>
  readonly items: readonly T[]
}

export function readExport<T>(signal: keyof typeof REQUESTS, body: Buffer): readonly Exported<T>[] {
  const { of = [] } = read(REQUESTS[signal], body) as { of?: { resource?: Fields; scopes?: { items?: T[] }[] }[] }
  return of.map(({ resource, scopes = [] }) => ({ resource: (resource?.attributes ?? {}) as Record<string, unknown>, items: scopes.flatMap(({ items = [] }) => items) }))
}

/** Attributes become a record of plain values. Fields that no table names are skipped, as the protocol wants it. */
function read(message: Message, bytes: Buffer): Fields {
  const found: Fields = {}
  let at = 0
  const varint = (): number => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] as number
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(BigInt.asIntN(64, value))
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const field = message[tag >>> 3]
    const wire = tag & 7
    let raw: number | Buffer
    if (wire === 0) raw = varint()
    else if (wire === 1 || wire === 5) {
      const size = wire === 1 ? 8 : 4
      raw = bytes.subarray(at, at + size)
      at += size
    } else if (wire === 2) {
      const size = varint()
      if (size < 0 || at + size > bytes.length) throw new Error('a field is longer than its message')
      raw = bytes.subarray(at, at + size)
      at += size
    } else throw new Error(`wire type ${wire} is none of proto3`)
    if (!field) continue
    const value = typeof field.type === 'function' ? read(field.type(), raw as Buffer) : scalar(field.type, raw)
    if (!field.many) found[field.name] = value
    else found[field.name] = [...((found[field.name] as unknown[] | undefined) ?? []), value]
  }
  if (Array.isArray(found.attributes)) {
    const pairs = (found.attributes as { key: string; value?: Fields }[]).map(({ key, value }) => [key, plain(value)] as const)
    if (new Set(pairs.map(([key]) => key)).size !== pairs.length) throw new Error('an attribute stands twice')
    found.attributes = Object.fromEntries(pairs)
  }
  return found
}

function scalar(type: Scalar, raw: number | Buffer): unknown {
  if (typeof raw === 'number') return type === 'bool' ? raw === 1 : raw
  const each = <T>(read: (at: number) => T) => Array.from({ length: raw.length / 8 }, (_, index) => read(index * 8))
  switch (type) {
    case 'text':
      return raw.toString('utf8')
    case 'hex':
      return raw.toString('hex')
    case 'double':
      return raw.readDoubleLE()
    case 'fixed32':
      return raw.readUInt32LE()
    case 'fixed64':
      return Number(raw.readBigUInt64LE())
    case 'fixed64s':
      return each((at) => Number(raw.readBigUInt64LE(at)))
    case 'doubles':
      return each((at) => raw.readDoubleLE(at))
    default:
      throw new Error(`a ${type} has another wire type`)
  }
}

function plain(value: Fields | undefined): unknown {
  const [first] = Object.entries(value ?? {})
  if (!first) return undefined
  const [kind, content] = first
  return kind === 'arrayValue' ? ((content as { values?: Fields[] }).values ?? []).map(plain) : content
}
