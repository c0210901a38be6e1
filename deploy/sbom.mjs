// Prints the bill of materials of what is shipped, in CycloneDX: every package of the lock file but those for development.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PROJECT = join(import.meta.dirname, '..')
const read = (name) => JSON.parse(readFileSync(join(PROJECT, name), 'utf8'))

// `npm sbom --omit dev` leaves out what any package needs for its own development as well, such as ws. So npm sees a project that has nothing else.
const { devDependencies: _, scripts: __, ...manifest } = read('package.json')
const { packages, ...rest } = read('package-lock.json')
const { devDependencies: ___, ...root } = packages['']
const lock = { ...rest, packages: Object.fromEntries(Object.entries({ ...packages, '': root }).filter(([, { dev }]) => !dev)) }

const home = mkdtempSync(join(tmpdir(), 'sbom-'))
try {
  // npm calls the root component as its folder is called.
  const folder = join(home, manifest.name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  const words = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only']
  const npm = process.env.npm_execpath
  process.stdout.write(npm ? execFileSync(process.execPath, [npm, ...words], { cwd: folder }) : execFileSync('npm', words, { cwd: folder }))
} finally {
  rmSync(home, { recursive: true })
}
