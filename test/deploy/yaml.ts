// Reads YAML files of the deployment where a YAML parser is installed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Yaml {
  parseAllDocuments(text: string, options: { merge: boolean }): readonly { readonly errors: readonly unknown[]; toJS(): unknown }[]
}

const name = 'yaml'
const yaml: Yaml | undefined = await import(name).catch(() => undefined)

/** For a suite's title: why it is skipped, or nothing. */
export const missing = yaml ? '' : ' (skipped: the package yaml is not installed)'

/** Every document of a file, relative to the project's root; throws on a YAML error. */
export function readYaml(file: string): readonly unknown[] {
  const documents = yaml?.parseAllDocuments(readFileSync(join(import.meta.dirname, '../..', file), 'utf8'), { merge: true }) ?? []
  return documents.map((document) => {
    if (document.errors.length > 0) throw new Error(`${file}: ${String(document.errors[0])}`)
    return document.toJS()
  })
}
