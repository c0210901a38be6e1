// Which tools there are: the JSON list of TOOLS checked definition by definition, before anything is dialled.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ToolDefinition, ToolHandling } from '../core/policy/profile.js'
import { isObject } from '../core/protocol/events.js'
import { compileTemplate } from '../tools/http-template.js'
import { compileSchema } from '../tools/tool-schema.js'
import type { HttpToolRun, ToolConfig } from './config.js'
import type { EnvReader, Problems } from './environment.js'
import { type Fields, fieldsOf, fillNames, parseJson, quoted } from './json-fields.js'
import { matching, oneOf, type Parse, wholeNumber } from './parse.js'

/** Source: GA schema of a function tool: letters, digits, _ and -, at most 64. */
const NAME = matching(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 letters, digits, _ or -')
const TIMEOUT_MS = wholeNumber(1, 600_000)
/** Upstreams refuse more (128 functions a session); the bound here only keeps a broken file from filling the process. */
const MAX_TOOLS = 256
const MAX_DESCRIPTION = 4096

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

export function readTools(env: EnvReader, cwd: string, problems: Problems): readonly ToolConfig[] {
  const text = env.get('TOOLS')
  if (text === undefined) return []
  const entries = parseJson(text, 'TOOLS', problems)
  if (entries === undefined) return []
  if (!Array.isArray(entries) || entries.length > MAX_TOOLS) {
    problems.add('TOOLS', `must be a JSON list of at most ${MAX_TOOLS} tools`)
    return []
  }
  const tools: ToolConfig[] = []
  const names = new Set<string>()
  for (const [index, entry] of entries.entries()) {
    const named = isObject(entry) ? (entry.name ?? entry.server_label) : undefined
    const subject = `TOOLS entry ${index + 1}${typeof named === 'string' ? ` (${quoted(named)})` : ''}:`
    if (!isObject(entry)) {
      problems.add(subject, 'must be an object')
      continue
    }
    const before = problems.found.length
    const fields = fieldsOf(entry, subject, problems, env)
    const type = fields.parsed('type', oneOf('function', 'mcp'))
    if (type === undefined && !fields.has('type')) fields.bad('type', 'is missing: function or mcp')
    const tool = type === 'function' ? readFunction(fields, { env, problems, cwd }) : type === 'mcp' ? readMcp(fields, { env, problems, cwd }) : undefined
    if (type !== undefined) fields.done()
    if (!tool || problems.found.length > before) continue
    const name = tool.kind === 'mcp' ? tool.label : tool.definition.name
    if (names.has(name)) problems.add(subject, 'has a name that an earlier entry has: give each tool and MCP server its own')
    names.add(name)
    tools.push(tool)
  }
  return tools
}

function readFunction(fields: Fields, context: Context): ToolConfig | undefined {
  const definition = readDefinition(fields)
  const run = fields.raw('run')
  if (run === undefined) {
    fields.bad('run', 'is missing: "client", {"http": …} or {"module": "./file.js#name"}')
    return undefined
  }
  if (run === 'client') return definition && { kind: 'client', definition }
  const how = isObject(run) ? fields.fields('run') : undefined
  if (!how || how.has('http') === how.has('module')) {
    fields.bad('run', 'must be "client", {"http": …} or {"module": "./file.js#name"}')
    return undefined
  }
  const tool = how.has('http') ? readHttp(how, definition, context) : readModule(how, definition, context)
  const handling = readHandling(fields, how)
  how.done()
  return tool && handling ? { ...tool, handling } : tool
}

/** `how`: where a call's course is said, a function's `run` or an MCP server's entry itself. Undefined where nothing is said, so that most tools carry nothing. */
function readHandling(fields: Fields, how: Fields): ToolHandling | undefined {
  const onCancel = how.parsed('onCancel', oneOf('abort', 'finish'))
  const background = how.boolean('background', false)
  if (background && onCancel === 'abort') how.bad('onCancel', 'must not be abort for a background tool: its response is over when it runs')
  const approval = readApproval(fields)
  if (onCancel === undefined && !background && !approval) return undefined
  return { ...(onCancel && { onCancel }), ...(background && { background }), ...approval }
}

function readApproval(fields: Fields): Pick<ToolHandling, 'approval'> | undefined {
  return fields.parsed('require_approval', oneOf('never', 'client')) === 'client' ? { approval: 'client' } : undefined
}

function readDefinition(fields: Fields): ToolDefinition | undefined {
  const name = fields.need('name') === undefined ? undefined : fields.parsed('name', NAME)
  const description = fields.string('description')
  if (description !== undefined && description.length > MAX_DESCRIPTION) fields.bad('description', `is longer than ${MAX_DESCRIPTION} characters`)
  const parameters = fields.raw('parameters')
  if (parameters !== undefined && !isObject(parameters)) {
    fields.bad('parameters', 'must be a JSON schema object')
    return undefined
  }
  try {
    compileSchema(parameters, 'operator')
  } catch (error) {
    fields.bad('parameters', `is not a usable JSON schema: ${error instanceof Error ? error.message.slice(0, 300) : 'unknown reason'}`)
  }
  if (name === undefined) return undefined
  return { type: 'function', name, ...(description === undefined ? {} : { description }), ...(parameters === undefined ? {} : { parameters }) }
}

function readHttp(how: Fields, definition: ToolDefinition | undefined, context: Context): Extract<ToolConfig, { kind: 'http' }> | undefined {
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
  if (url === undefined || !definition || context.problems.found.length > before) return undefined
  const template = compileTemplate(run, definition.parameters)
  if ('problems' in template) for (const problem of template.problems) context.problems.add(http.subject, problem)
  return { kind: 'http', definition, run }
}

function readModule(how: Fields, definition: ToolDefinition | undefined, context: Context): Extract<ToolConfig, { kind: 'module' }> | undefined {
  const module = how.need('module')
  const timeoutMs = how.number('timeoutMs', TIMEOUT_MS)
  if (module === undefined) return undefined
  const match = /^([^#]+)#([A-Za-z_$][\w$]*)$/.exec(module)
  if (!match) {
    how.bad('module', 'must name a file and an export: ./tools/orders.js#lookupOrder')
    return undefined
  }
  const file = resolve(context.cwd, match[1] ?? '')
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) how.bad('module', `names ${quoted(match[1] ?? '')}, which is not a file (looked for from the working folder)`)
  return definition && { kind: 'module', definition, file, exportName: match[2] ?? '', timeoutMs }
}

function readMcp(fields: Fields, context: Context): ToolConfig | undefined {
  const label = fields.need('server_label') === undefined ? undefined : fields.parsed('server_label', NAME)
  const allowedTools = fields.strings('allowed_tools')
  const handling = readHandling(fields, fields)
  if (fields.has('url') === fields.has('command')) {
    fields.bad('url', 'or command is needed, one of them: where the MCP server answers, or how to start it')
    for (const key of ['url', 'headers', 'command', 'args', 'env']) fields.raw(key)
    return undefined
  }
  if (fields.has('command')) {
    const command = fields.need('command')
    const args = fields.strings('args') ?? []
    const env = fields.secrets('env')
    return label && command ? { kind: 'mcp', label, transport: { command, args, env }, allowedTools, ...(handling && { handling }) } : undefined
  }
  const filled = fillNames(fields.need('url') ?? '', `${fields.subject} url`, context.problems, context.env)
  const url = filled === '' ? undefined : toolUrl(filled)
  if (url && 'problem' in url) fields.bad('url', url.problem)
  const headers = fields.secrets('headers')
  return label && url && 'value' in url ? { kind: 'mcp', label, transport: { url: url.value, headers }, allowedTools, ...(handling && { handling }) } : undefined
}
