// An OpenTelemetry collector of the tests, on this machine alone: takes exports as OTLP over HTTP, or is slow, silent, or refuses them.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { vi } from 'vitest'
import { readExport } from './otlp-proto.js'

type Attributes = Readonly<Record<string, unknown>>

export interface ExportedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number
  /** Nanoseconds, rounded to what a number holds. */
  readonly start: number
  readonly end: number
  readonly attributes?: Attributes
  readonly events?: readonly { readonly name: string; readonly at: number }[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status?: { readonly code?: number }
}

export interface ExportedMetric {
  readonly name: string
  readonly sum?: {
    readonly points?: readonly { readonly attributes?: Attributes; readonly asDouble?: number; readonly asInt?: number }[]
    readonly isMonotonic?: boolean
    readonly temporality?: number
  }
  readonly gauge?: { readonly points?: readonly { readonly asDouble?: number; readonly asInt?: number }[] }
  readonly histogram?: {
    readonly points?: readonly { readonly count: number; readonly sum: number; readonly bucketCounts: readonly number[]; readonly bounds: readonly number[] }[]
  }
}

export interface ExportedRecord {
  readonly severity: number
  readonly severityText: string
  readonly body: { readonly stringValue?: string }
  readonly attributes?: Attributes
  readonly at: number
}

/** `silent`: takes the request and never answers. `dripping`: answers byte by byte without an end. */
export type Mood = 'takes' | 'silent' | 'dripping' | { readonly refuses: number }

export interface OtlpReceiver {
  readonly url: string
  readonly spans: ExportedSpan[]
  readonly metrics: ExportedMetric[]
  readonly records: ExportedRecord[]
  /** Attributes of every resource that has exported. */
  readonly resources: Attributes[]
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer }[]
  turns(mood: Mood): void
  named(name: string): readonly ExportedSpan[]
  /** Waits until `count` spans of this name have come. */
  spansNamed(name: string, count?: number): Promise<readonly ExportedSpan[]>
  close(): Promise<void>
}

export async function startOtlpReceiver(tls?: { readonly cert: Buffer; readonly key: Buffer }): Promise<OtlpReceiver> {
  let mood: Mood = 'takes'
  const drips = new Set<NodeJS.Timeout>()
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const sent = Buffer.concat(chunks)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
    self.requests.push({ path: request.url ?? '', headers: request.headers, body })
    if (mood === 'silent') return
    if (mood === 'dripping') {
      response.writeHead(200, { 'content-type': 'application/x-protobuf' })
      drips.add(setInterval(() => response.write('\0'), 50))
      return
    }
    if (typeof mood === 'object') return void response.writeHead(mood.refuses, { 'content-type': 'text/plain' }).end('canary of the collector')
    take(request.url ?? '', body)
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  }
  const server = (tls ? createTlsServer(tls, listener) : createServer(listener)).listen(0, '127.0.0.1')
  await once(server, 'listening')

  function take(path: string, body: Buffer): void {
    if (path.endsWith('/traces')) keep(readExport<ExportedSpan>('traces', body), self.spans)
    else if (path.endsWith('/metrics')) keep(readExport<ExportedMetric>('metrics', body), self.metrics)
    else if (path.endsWith('/logs')) keep(readExport<ExportedRecord>('logs', body), self.records)
  }

  function keep<T>(all: ReturnType<typeof readExport<T>>, to: T[]): void {
    for (const { resource, items } of all) {
      self.resources.push(resource)
      to.push(...items)
    }
  }

  const self: OtlpReceiver = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    metrics: [],
    records: [],
    resources: [],
    requests: [],
    turns(to) {
      mood = to
    },
    named: (name) => self.spans.filter((span) => span.name === name),
    async spansNamed(name, count = 1) {
      const enough = () => {
        const found = self.named(name)
        if (found.length < count) throw new Error(`${found.length} of ${count} spans "${name}" among ${self.spans.map((span) => span.name).join(', ')}`)
        return found
      }
      return vi.waitFor(enough, { timeout: 10_000, interval: 20 })
    },
    async close() {
      for (const drip of drips) clearInterval(drip)
      server.close()
      server.closeAllConnections()
    },
  }
  return self
}
