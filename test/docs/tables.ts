// The documents' tables, made from the code they describe, so that neither can drift from the other.
import { RENAMED } from '../../src/config/renamed.js'
import type { Variable } from '../../src/config/variable.js'
import { VARIABLES, type VariableName } from '../../src/config/variables.js'
import { CLIENT_RULE_SAYS, CLIENT_RULES } from '../../src/core/policy/client-rules.js'
import { SERVER_RULE_SAYS, SERVER_RULES } from '../../src/core/policy/server-rules.js'
import { settablePaths } from '../../src/core/policy/settable.js'
import { dialectFor } from '../../src/core/protocol/dialects.js'
import { type Advice, refusalCodes, refusalEntry } from '../../src/core/protocol/errors.js'
import { NO_COUNTERPART } from '../../src/core/protocol/preview/gaps.js'
import { matrixMarkdown } from '../matrix/matrix.js'
import { readDocument } from './documents.js'
import { REFUSAL_NOTES } from './refusals.js'
import { THEMES } from './themes.js'

type Tables = Readonly<Record<string, () => string>>

const ADVICE: Readonly<Record<Advice, string>> = {
  new_token: 'get a new token',
  stop: 'stop',
  fix_client: 'fix the client',
  back_off: 'back off, then retry',
  on_user_action: 'when the user acts again',
  new_session: 'open a new session',
  reconnect: 'reconnect',
}

/** Document → marker's name → the table between `<!-- name -->` and `<!-- /name -->`. */
export const GENERATED: Readonly<Record<string, Tables>> = {
  'deploy/configuration.md': {
    ...Object.fromEntries(Object.entries(THEMES).map(([theme, names]) => [`settings: ${theme}`, () => settings(names)])),
    settable: () =>
      settablePaths()
        .map((path) => `- \`${path}\``)
        .join('\n'),
    renamed: () =>
      RENAMED.length === 0
        ? 'No setting has another name than it had.'
        : table(
            ['old name', 'new name', 'since', 'the old one is not read from'],
            RENAMED.map(({ from, to, since, until }) => [`\`${from}\``, `\`${to}\``, since, until]),
          ),
  },
  'src/core/policy/README.md': {
    'client-events': () => table(['from the client', 'what happens'], rows(CLIENT_RULES, CLIENT_RULE_SAYS)),
    'server-events': () =>
      table(
        ['from the model', 'in the preview dialect', 'what the client sees'],
        rows(SERVER_RULES, SERVER_RULE_SAYS).map(([type = '', what = '']) => [type, previewName(type.replaceAll('`', '')), what]),
      ),
    refusals: () =>
      table(
        ['code', 'HTTP', 'close', 'upgrade', 'what happened', 'what the client should do', 'what an operator does'],
        refusalCodes().map((code) => {
          const { httpStatus, closeCode, advice } = refusalEntry(code)
          const { when, happened, operator } = REFUSAL_NOTES[code]
          return [`\`${code}\``, String(httpStatus), String(closeCode), when, happened, ADVICE[advice], operator]
        }),
      ),
  },
  'src/core/protocol/README.md': {
    dialects: () =>
      table(
        ['only in', 'where', 'what', 'becomes'],
        NO_COUNTERPART.map(({ from, where, name, becomes }) => [from === 'ga' ? 'GA' : 'preview', where, `\`${name}\``, becomes]),
      ),
  },
  'test/matrix/README.md': { matrix: () => matrixMarkdown() },
  'deploy/identity.md': {
    'mint-node': () => codeOf('test/identity/mint/token.mjs', 'js'),
    'mint-python': () => codeOf('test/identity/mint/token.py', 'python'),
    'mint-csharp': () => codeOf('test/identity/mint/Token.cs', 'csharp'),
    'keep-token': () => codeOf('test/identity/mint/keep-token.js', 'js'),
  },
}

/** The document's text with its tables as they are now. */
export function withTables(file: string, text: string): string {
  return Object.entries(GENERATED[file] ?? {}).reduce((soFar, [name, make]) => soFar.replace(between(name), (_all, open: string, close: string) => open + make() + close), text)
}

/** A marker's table with its markers, as the document has it. */
export function between(name: string): RegExp {
  return new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(\\n<!-- /${name} -->)`)
}

function settings(names: readonly VariableName[]): string {
  return table(
    ['setting', 'default', 'accepts', 'meaning'],
    names.map((name) => {
      const { file, default: fallback, doc } = VARIABLES[name]
      const values = (fallback ?? '').split(',').map((one) => (one === '' ? '' : `\`${one}\``))
      return [`\`${name}\`${file ? ' (`_FILE`)' : ''}`, values.join(', '), accepts(name), doc]
    }),
  )
}

/** What the check itself says to a value that is none, in its own words. */
function accepts(name: VariableName): string {
  const variable: Variable<unknown> = VARIABLES[name]
  const parsed = variable.parse('\u0000')
  const right = 'problem' in parsed ? /^(?:entry 1 )?must be (.+)$/.exec(parsed.problem)?.[1] : undefined
  return (right ?? '')
    .replace(/, fractions allowed$/, '')
    .replace(/, with or without a unit .*$/, '')
    .replace(/^a (whole )?number from /, '')
    .replace(/\d+(?= to .*bytes$|(?<=to \d+) bytes$)/g, (bytes) => sized(Number(bytes)))
    .replace(/ bytes$/, '')
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']

function sized(bytes: number): string {
  let unit = 0
  let value = bytes
  for (; value >= 1024 && value % 1024 === 0; value /= 1024) unit++
  return `${value} ${UNITS[unit]}`
}

function rows(rules: Readonly<Record<string, unknown>>, says: Readonly<Record<string, string>>): string[][] {
  return Object.keys(rules).map((type) => {
    const text = says[type]
    if (text === undefined) throw new Error(`${type} has a rule and says nothing`)
    return [`\`${type}\``, text]
  })
}

function previewName(type: string): string {
  const item = { id: 'item_1', type: 'message', role: 'user', status: 'completed', content: [] }
  const types = dialectFor('preview')
    .fromGa({ type, event_id: 'e', item, response: {}, session: {}, error: {} })
    .map((event) => event.type)
  if (types.length === 0) return '–'
  return types[0] === type ? 'the same' : `\`${types[0]}\``
}

function table(head: string[], body: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')
}

/** A file that tests run, as the document shows it. */
function codeOf(path: string, language: string): string {
  return `\`\`\`${language}\n${readDocument(path)}\`\`\``
}
