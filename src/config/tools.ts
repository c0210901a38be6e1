// Reads the JSON list of TOOLS. What makes a tool usable is checked by a function that the caller hands in.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ToolHandling } from '../core/policy/profile.js'
import { isObject, type Json, type JsonObject } from '../core/protocol/events.js'
import type { CheckTools, HttpToolRun, ToolConfig, ToolEntry } from './config.js'
import type { EnvReader, Problems } from './environment.js'
import { type Fields, fieldsOf, fillNames, parseJson, quoted } from './json-fields.js'
import { oneOf, type Parse, wholeNumber } from './parse.js'

const TIMEOUT_MS = wholeNumber(1, 600_000)
/** Upstreams take 128 functions a session. The bound here only keeps a broken file from filling the process. */
const MAX_TOOLS = 256

/** Plain http is allowed: tools are usually inside the operator's own network. */
const toolUrl: Parse<URL> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url && /^https?:$/.test(url.protocol) && url.username === '' ? { value: url } : { problem: 'must be an http or https URL without a user name' }
}

interface Context {
  readonly env: EnvReader
  readonly problems: Problems
  readonly cwd: string
}

/** An entry as far as it could be read, and the tool it makes if nothing it needs is missing. */
interface Read {
  readonly entry: ToolEntry
  readonly tool: ToolConfig | undefined
}

export function readTools(env: EnvReader, cwd: string, checkTools: CheckTools, problems: Problems): readonly ToolConfig[] {
  const text = env.get('TOOLS')
  if (text === undefined) return []
  const entries = parseJson(text, 'TOOLS', problems)
  if (entries === undefined) return []
  if (!Array.isArray(entries) || entries.length > MAX_TOOLS) {
    problems.add('TOOLS', `must be a JSON list of at most ${MAX_TOOLS} tools`)
    return []
  }
  const read = entries.map((entry, index) => readEntry(entry, subjectOf(entry, index), { env, problems, cwd }))
  for (const { entry, problem } of checkTools(read.map((one) => one.entry))) problems.add(subjectOf(entries[entry], entry), problem)
  return read.flatMap(({ tool }) => tool ?? [])
}

function subjectOf(entry: Json | undefined, index: number): string {
  const named = isObject(entry) ? (entry.name ?? entry.server_label) : undefined
  return `TOOLS entry ${index + 1}${typeof named === 'string' ? ` (${quoted(named)})` : ''}:`
}

function readEntry(entry: Json, subject: string, context: Context): Read {
  if (!isObject(entry)) {
    context.problems.add(subject, 'must be an object')
    return { entry: {}, tool: undefined }
  }
  const fields = fieldsOf(entry, subject, context.problems, context.env)
  const type = fields.parsed('type', oneOf('function', 'mcp'))
  if (type === undefined) {
    if (!fields.has('type')) fields.bad('type', 'is missing: function or mcp')
    return { entry: {}, tool: undefined }
  }
  const read = type === 'function' ? readFunction(fields, context) : readMcp(fields, context)
  fields.done()
  return read
}

function readFunction(fields: Fields, context: Context): Read {
  const name = fields.need('name')
  const description = fields.string('description')
  const parameters = fields.raw('parameters')
  const readable = parameters === undefined || isObject(parameters)
  if (!readable) fields.bad('parameters', 'must be a JSON schema object')
  const entry: ToolEntry = { name, description, parameters: readable ? parameters : undefined }
  const run = readRun(fields, context)
  const secrecy = readSecrecy(fields)
  if (secrecy.confidential && run?.kind === 'client') fields.bad('confidential', 'is for tools that the relay runs: the client answers this one')
  if (!run) return { entry, tool: undefined }
  const checked = run.kind === 'http' && readable ? { ...entry, http: run.run } : entry
  return { entry: checked, tool: name !== undefined && readable ? { ...run, ...secrecy, definition: definitionOf(name, description, parameters) } : undefined }
}

function readSecrecy(fields: Fields): { readonly confidential?: true } {
  return fields.boolean('confidential', false) ? { confidential: true } : {}
}

function definitionOf(name: string, description: string | undefined, parameters: JsonObject | undefined): Extract<ToolConfig, { kind: 'client' }>['definition'] {
  return { type: 'function', name, ...(description === undefined ? {} : { description }), ...(parameters === undefined ? {} : { parameters }) }
}

/** A function without its definition. */
type Run = WithoutDefinition<Exclude<ToolConfig, { kind: 'mcp' }>>
type WithoutDefinition<T> = T extends unknown ? Omit<T, 'definition'> : never

function readRun(fields: Fields, context: Context): Run | undefined {
  const run = fields.raw('run')
  if (run === undefined) {
    fields.bad('run', 'is missing: "client", {"http": …} or {"module": "./file.js#name"}')
    return undefined
  }
  if (run === 'client') return { kind: 'client' }
  const how = isObject(run) ? fields.fields('run') : undefined
  if (!how || how.has('http') === how.has('module')) {
    fields.bad('run', 'must be "client", {"http": …} or {"module": "./file.js#name"}')
    return undefined
  }
  const tool = how.has('http') ? readHttp(how, context) : readModule(how, context)
  const handling = readHandling(fields, how)
  how.done()
  return tool && handling ? { ...tool, handling } : tool
}

/** `how` is a function's `run` or an MCP server's whole entry. Undefined if it says nothing about handling, so that most tools carry nothing. */
function readHandling(fields: Fields, how: Fields): ToolHandling | undefined {
  const onCancel = how.parsed('onCancel', oneOf('abort', 'finish'))
  const background = how.boolean('background', false)
  if (background && onCancel === 'abort') how.bad('onCancel', 'must not be abort for a background tool: its response is over when it runs')
  const pauseRecording = how.boolean('pauseRecording', false)
  const approval = readApproval(fields)
  if (onCancel === undefined && !background && !pauseRecording && !approval) return undefined
  return { ...(onCancel && { onCancel }), ...(background && { background }), ...(pauseRecording && { pauseRecording }), ...approval }
}

function readApproval(fields: Fields): Pick<ToolHandling, 'approval'> | undefined {
  return fields.parsed('require_approval', oneOf('never', 'client')) === 'client' ? { approval: 'client' } : undefined
}

function readHttp(how: Fields, context: Context): Extract<Run, { kind: 'http' }> | undefined {
  const http = how.fields('http')
  if (!http) return undefined
  const before = context.problems.found.length
  const url = http.need('url')
  const run: HttpToolRun = {
    method: http.parsed('method', oneOf('GET', 'POST', 'PUT', 'PATCH', 'DELETE')) ?? 'POST',
    url: fillNames(url ?? '', `${http.subject} url`, context.problems, context.env, 'template'),
    headers: http.secrets('headers', 'template'),
    timeoutMs: http.number('timeoutMs', TIMEOUT_MS),
    idempotent: http.boolean('idempotent', false),
    denyPrivateAddresses: http.boolean('denyPrivateAddresses', false),
    identity: http.parsed('identity', oneOf('jwt', 'headers')),
  }
  if (run.identity && !context.env.isSet('TOOL_IDENTITY_SECRET')) http.bad('identity', 'needs TOOL_IDENTITY_SECRET, which is not set')
  http.done()
  return context.problems.found.length > before ? undefined : { kind: 'http', run }
}

function readModule(how: Fields, context: Context): Extract<Run, { kind: 'module' }> | undefined {
  const module = how.need('module')
  const timeoutMs = how.number('timeoutMs', TIMEOUT_MS)
  const bigIntegers = how.boolean('bigIntegers', false)
  if (module === undefined) return undefined
  const match = /^([^#]+)#([A-Za-z_$][\w$]*)$/.exec(module)
  if (!match) {
    how.bad('module', 'must name a file and an export: ./tools/orders.js#lookupOrder')
    return undefined
  }
  const file = resolve(context.cwd, match[1] ?? '')
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) how.bad('module', `names ${quoted(match[1] ?? '')}, which is not a file (looked for from the working folder)`)
  return { kind: 'module', file, exportName: match[2] ?? '', timeoutMs, ...(bigIntegers && { bigIntegers }) }
}

function readMcp(fields: Fields, context: Context): Read {
  const label = fields.need('server_label')
  const transport = readTransport(fields, context)
  const allowedTools = fields.strings('allowed_tools')
  const handling = readHandling(fields, fields)
  const rest = { ...(handling && { handling }), ...readSecrecy(fields) }
  return { entry: { label }, tool: label !== undefined && transport ? { kind: 'mcp', label, transport, allowedTools, ...rest } : undefined }
}

function readTransport(fields: Fields, context: Context): Extract<ToolConfig, { kind: 'mcp' }>['transport'] | undefined {
  if (fields.has('url') === fields.has('command')) {
    fields.bad('url', 'or command is needed, one of them: where the MCP server answers, or how to start it')
    for (const key of ['url', 'headers', 'command', 'args', 'env']) fields.raw(key)
    return undefined
  }
  if (fields.has('command')) {
    const command = fields.need('command')
    const args = fields.strings('args') ?? []
    const env = fields.secrets('env')
    return command === undefined ? undefined : { command, args, env }
  }
  const filled = fillNames(fields.need('url') ?? '', `${fields.subject} url`, context.problems, context.env)
  const url = filled === '' ? undefined : toolUrl(filled)
  if (url && 'problem' in url) fields.bad('url', url.problem)
  const headers = fields.secrets('headers')
  return url && 'value' in url ? { url: url.value, headers } : undefined
}
