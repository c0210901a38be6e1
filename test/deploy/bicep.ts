// Reads the Bicep files: as text, and by two parsers that are not Microsoft's where these are installed. Its own compiler is in no registry that the tests may use.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
export const FOLDER = join(ROOT, 'deploy/azure')
const PARSERS = join(ROOT, 'node_modules/.cache/bicep-parsers')

/** For a suite's title: why it is skipped, or nothing. */
export const missingParsers = existsSync(join(PARSERS, 'pycep')) ? '' : ' (skipped: no parser of Bicep is installed: test/deploy/bicep-parsers.sh)'

export interface Tree {
  readonly parameters?: Readonly<Record<string, Declared & { readonly default: unknown }>>
  readonly resources?: Readonly<
    Record<string, { readonly type: string; readonly api_version: string; readonly existing: boolean; readonly config: Readonly<Record<string, unknown>> }>
  >
  readonly modules?: Readonly<
    Record<string, { readonly detail: { readonly path: string }; readonly config: { readonly params?: object; readonly config?: { readonly params?: object } } }>
  >
  readonly outputs?: Readonly<Record<string, Declared & { readonly value: unknown }>>
  readonly variables?: Readonly<Record<string, { readonly value: unknown }>>
}

interface Declared {
  readonly decorators: readonly { readonly type: string; readonly argument: unknown }[]
}

export interface Parsed {
  readonly tree: Tree
  /** What either parser could not read, with its line. */
  readonly complaints: readonly string[]
}

/** Every file by its path in `deploy/azure`: `main.bicep`, `modules/app.bicep`. */
export const TEXTS: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.bicep(param)?$/.test(name))
    .sort()
    .map((name) => [relative(FOLDER, join(FOLDER, name)), readFileSync(join(FOLDER, name), 'utf8')]),
)

const PROGRAM = `
import json, sys
import tree_sitter, tree_sitter_bicep
from pycep import BicepParser
grammar = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
def wrong(node):
    if node.type == "ERROR" or node.is_missing:
        yield "tree-sitter, line %d: %s" % (node.start_point[0] + 1, node.type)
    for child in node.children:
        yield from wrong(child)
found = {}
for name, text in json.load(sys.stdin).items():
    complaints, tree = list(wrong(grammar.parse(text.encode()).root_node)), {}
    try:
        tree = BicepParser().parse(text=text)
    except Exception as error:
        complaints.append("pycep: %s" % str(error).split("\\n")[0])
    found[name] = {"tree": tree, "complaints": complaints}
json.dump(found, sys.stdout, default=str)
`

/** Neither parser knows files of parameters. Their values are read as those of variables, which have the same form. */
export function parse(texts: Readonly<Record<string, string>>): Readonly<Record<string, Parsed>> {
  const plain = Object.entries(texts).map(([name, text]) => [name, name.endsWith('.bicepparam') ? text.replace(/^using .*$/m, '').replace(/^param (\w+) =/gm, 'var $1 =') : text])
  const env = { ...process.env, PYTHONPATH: PARSERS }
  const { stdout, stderr, status } = spawnSync('python3', ['-c', PROGRAM], { input: JSON.stringify(Object.fromEntries(plain)), encoding: 'utf8', env, maxBuffer: 64 * 1024 * 1024 })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Record<string, Parsed>
}
