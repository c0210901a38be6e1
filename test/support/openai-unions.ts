// Reads the unions of event types from the declarations of the package `openai`, so that a new type is noticed.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const DECLARATIONS = fileURLToPath(new URL('../../node_modules/openai/resources/realtime/realtime.d.ts', import.meta.url))

/** The `type` literals of every member of `RealtimeClientEvent` or `RealtimeServerEvent`, in the union's order. Throws if the file has another form. */
export function unionTypes(union: 'RealtimeClientEvent' | 'RealtimeServerEvent'): readonly string[] {
  const source = readFileSync(DECLARATIONS, 'utf8')
  const members = new RegExp(`^export type ${union} = ([^;]+);`, 'm').exec(source)?.[1]
  if (!members) throw new Error(`${union} not found`)
  return members.split('|').map((member) => typeLiteral(source, member.trim().split('.').at(-1) ?? ''))
}

/** An interface ends at the brace with its own indentation. Its own fields are indented by four more columns. */
function typeLiteral(source: string, name: string): string {
  const found = new RegExp(`^( *)(?:export )?interface ${name} \\{\\n([\\s\\S]*?)^\\1\\}`, 'm').exec(source)
  const literal = found && new RegExp(`^${found[1]} {4}type: '([^']+)';`, 'm').exec(found[2] ?? '')?.[1]
  if (!literal) throw new Error(`no type literal in ${name}`)
  return literal
}
