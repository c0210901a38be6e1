// The logger: JSON lines without credentials, query strings, prompts or speech, whatever is passed to it.
import type { FastifyBaseLogger } from 'fastify'
import { type LoggerOptions, pino } from 'pino'
import type { Config } from '../config/config.js'
import { RefusalError } from '../core/protocol/errors.js'
import { type LogSink, openLogSink } from './log-sink.js'

/** Fields whose value is never written, at the top of a line or up to two levels down. */
const REDACTED = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'api-key',
  'apikey',
  'apiKey',
  'api_key',
  'x-api-key',
  'sec-websocket-protocol',
  'access_token',
  'token',
  'jwt',
  'secret',
  'password',
  'key',
  'credential',
  'query',
  'headers',
  'body',
  'instructions',
  'arguments',
  'output',
  'transcript',
  'text',
  'audio',
  'delta',
  'content',
  'claims',
]
/** Stack lines kept, enough to find the place. */
const STACK_LINES = 8

/** A logger that writes to `sink`, by default standard output. The sink counts lost lines and can be flushed at the end. */
export function createLogger(config: Pick<Config, 'logLevel'>, sink: LogSink = openLogSink(1)): FastifyBaseLogger {
  return pino(logOptions(config.logLevel), sink)
}

function logOptions(level: string): LoggerOptions {
  const names = REDACTED.map((name) => (/^\w+$/.test(name) ? { top: name, below: `.${name}` } : { top: `["${name}"]`, below: `["${name}"]` }))
  return {
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: names.flatMap(({ top, below }) => [top, `*${below}`, `*.*${below}`]), censor: '[redacted]' },
    serializers: { req: describeRequest, request: describeRequest, res: describeReply, reply: describeReply, err: describeError, error: describeError },
    hooks: {
      logMethod(args, method) {
        const [first, second, ...rest] = args as [unknown, unknown, ...unknown[]]
        if (typeof first === 'string') return Reflect.apply(method, this, [withoutQuery(first), ...args.slice(1)])
        const error = first instanceof Error ? first : errorIn(first)
        const fields = first instanceof Error ? { err: first } : first
        // Fastify and pino repeat an error's message as the text of the line. That message may quote anything.
        const text = error && (second === undefined || second === error.message) ? 'failed' : second
        return Reflect.apply(method, this, [fields, typeof text === 'string' ? withoutQuery(text) : text, ...rest])
      },
    },
  }
}

/** Fastify's own lines quote the URL, and its query may carry a token. */
function withoutQuery(text: string): string {
  return text.replace(/\?\S+/g, '?')
}

function errorIn(fields: unknown): Error | undefined {
  if (typeof fields !== 'object' || fields === null || !('err' in fields)) return undefined
  return fields.err instanceof Error ? fields.err : undefined
}

/** What stands in a path and lets its bearer in: the ticket of a telephone call's media, the name of its callbacks. */
const SECRET_SEGMENT = /(\/telephony\/acs\/(?:media|callbacks)\/+)[^/]+/i

/** Method, path and address. The query is left out: it may carry a token. */
function describeRequest(request: unknown): object {
  const url = textOf(request, 'url')
  return {
    method: textOf(request, 'method')?.slice(0, 16),
    path: url?.split('?')[0]?.split('#')[0]?.replace(SECRET_SEGMENT, '$1[redacted]').slice(0, 256),
    remoteAddress: textOf(request, 'ip')?.slice(0, 64),
  }
}

function describeReply(reply: unknown): object {
  const status = typeof reply === 'object' && reply !== null && 'statusCode' in reply ? reply.statusCode : undefined
  return { statusCode: typeof status === 'number' ? status : undefined }
}

/**
 * An error's kind and place. A library's message may quote its input (URLs, JSON, headers), so it is left out. Only our own refusals keep
 * theirs, since its words come from code.
 */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error }
  const code = 'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? String(error.code).slice(0, 64) : undefined
  const cause = error.cause instanceof Error ? describeError(error.cause) : undefined
  return { type: error.name.slice(0, 64), code, why: error instanceof RefusalError ? error.why : undefined, at: placesOf(error), cause }
}

function placesOf(error: Error): readonly string[] {
  const stack = error.stack ?? ''
  const start = error.message === '' ? 0 : stack.indexOf(error.message) + error.message.length
  return stack
    .slice(start)
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, STACK_LINES)
    .map((line) => line.slice(7))
}

function textOf(object: unknown, key: string): string | undefined {
  if (typeof object !== 'object' || object === null || !(key in object)) return undefined
  const value: unknown = Reflect.get(object, key)
  return typeof value === 'string' ? value : undefined
}
