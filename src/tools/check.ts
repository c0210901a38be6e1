// Says whether tools can be used as they are configured: names, labels, descriptions, schemas and HTTP templates.
import type { HttpToolRun, ToolEntry, ToolMistake } from '../config/config.js'
import { TOOL_NAME } from '../core/policy/client-tools.js'
import { templateProblems } from './http-template.js'
import { namespaced } from './mcp-tools.js'
import { isPrivateAddress } from './private-address.js'
import { compileSchema } from './tool-schema.js'

/** Short enough to leave room for a tool's name. Without the separator, so that names of two servers' tools never meet. */
const LABEL = /^(?!.*__)(?!_)[A-Za-z0-9_-]{1,32}(?<!_)$/
const MAX_DESCRIPTION_LENGTH = 4096
/** Characters kept of the schema compiler's words. */
const MAX_REASON_LENGTH = 300

/** Pure: every mistake at once. The registry trusts tools that passed. */
export function checkTools(entries: readonly ToolEntry[]): readonly ToolMistake[] {
  const labels = entries.flatMap(({ label }) => label ?? [])
  const taken = new Set<string>()
  return entries.flatMap((entry, index) => {
    const problems = [...nameProblems(entry, labels), ...definitionProblems(entry)]
    const name = entry.name ?? entry.label
    if (name !== undefined && taken.has(name)) problems.push('has a name that an earlier entry has: give each tool and MCP server its own')
    if (name !== undefined) taken.add(name)
    return problems.map((problem) => ({ entry: index, problem }))
  })
}

function nameProblems({ name, label }: ToolEntry, labels: readonly string[]): string[] {
  const problems: string[] = []
  if (label !== undefined && !LABEL.test(label)) problems.push('server_label must be 1 to 32 letters, digits, - or _, without __ and without _ at either end')
  if (name === undefined) return problems
  if (!TOOL_NAME.test(name)) problems.push('name must be 1 to 64 letters, digits, - or _')
  const owner = labels.find((one) => LABEL.test(one) && name.startsWith(namespaced(one, '')))
  if (owner !== undefined) problems.push(`name begins with ${namespaced(owner, '')}, which marks the tools of the MCP server "${owner}": choose another`)
  return problems
}

function definitionProblems({ description, parameters, http }: ToolEntry): string[] {
  const problems: string[] = []
  if (description !== undefined && description.length > MAX_DESCRIPTION_LENGTH) problems.push(`description is longer than ${MAX_DESCRIPTION_LENGTH} characters`)
  try {
    if (parameters) compileSchema(parameters, 'operator')
  } catch (error) {
    problems.push(`parameters is not a usable JSON schema: ${error instanceof Error ? error.message.slice(0, MAX_REASON_LENGTH) : 'unknown reason'}`)
  }
  if (!http) return problems
  const inTemplate = templateProblems(http, parameters)
  if (inTemplate.length === 0 && http.denyPrivateAddresses && isPrivateLiteral(http)) inTemplate.push('url: the host is a private address, which denyPrivateAddresses refuses')
  return [...problems, ...inTemplate.map((problem) => `run http ${problem}`)]
}

/** Names are judged when they are resolved. An address in the URL never is, so it is judged here. */
function isPrivateLiteral({ url }: HttpToolRun): boolean {
  const { hostname } = new URL(url.replace(/[{}]/g, ''))
  return (hostname.startsWith('[') || /^[0-9.]+$/.test(hostname)) && isPrivateAddress(hostname)
}
