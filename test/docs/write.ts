// `npm run docs`: writes every generated table into the document that has it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, readDocument } from './documents.js'
import { GENERATED, withTables } from './tables.js'

for (const file of Object.keys(GENERATED)) {
  const before = readDocument(file)
  const after = withTables(file, before)
  if (after === before) continue
  writeFileSync(join(ROOT, file), after)
  console.log(`written: ${file}`)
}
