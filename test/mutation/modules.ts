// Evaluates the project's modules anew for each graph, from texts that need not be those on the disk.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import vm from 'node:vm'
import { transformSync } from 'esbuild'
import { counted } from './mutants.js'

export type Namespace = Readonly<Record<string, unknown>>

/** Modules that share their state. A graph never sees that of another. */
export interface Graph {
  /** Takes a path below the project's root. */
  import(file: string): Promise<Namespace>
}

export interface Modules {
  /** `texts` has TypeScript by path, and `own` the packages that this graph gets instead of the real ones. */
  graph(texts: ReadonlyMap<string, string>, own: Readonly<Record<string, Namespace>>): Graph
}

/** Packages are evaluated once for all graphs; `real` imports them. Needs Node's `--experimental-vm-modules`. */
export function createModules(root: string, real: (specifier: string) => Promise<Namespace>): Modules {
  const compiled = new Map<string, { readonly code: string; data: Buffer | undefined }>()
  const packages = new Map<string, Promise<vm.Module>>()

  function codeOf(path: string): { readonly code: string; data: Buffer | undefined } {
    const known = compiled.get(path)
    if (known) return known
    const made = { code: javascript(readFileSync(path, 'utf8')), data: undefined }
    compiled.set(path, made)
    return made
  }

  async function packaged(specifier: string): Promise<vm.Module> {
    const known = packages.get(specifier)
    if (known) return known
    const made = real(specifier).then(asModule)
    packages.set(specifier, made)
    return made
  }

  return {
    graph(texts, own) {
      const modules = new Map<string, vm.Module>()
      const owned = new Map<string, Promise<vm.Module>>()

      const meta = (path: string) => (about: ImportMeta) => Object.assign(about, { url: pathToFileURL(path).href, dirname: dirname(path), filename: path })

      function load(path: string): vm.Module {
        const known = modules.get(path)
        if (known) return known
        const other = texts.get(path.slice(root.length + 1))
        const { code, data } = other === undefined ? codeOf(path) : { code: javascript(other), data: undefined }
        const made = new vm.SourceTextModule(code, {
          identifier: path,
          initializeImportMeta: meta(path),
          importModuleDynamically: (async (specifier: string) => ready(await linked(specifier, made))) as never,
          ...(data && { cachedData: data }),
        })
        // Compiled code that is kept forgets how it imports dynamically.
        if (other === undefined && data === undefined && !/\bimport\(/.test(code))
          codeOf(path).data = (made as vm.SourceTextModule & { createCachedData(): Buffer }).createCachedData()
        modules.set(path, made)
        return made
      }

      async function linked(specifier: string, from: { readonly identifier: string }): Promise<vm.Module> {
        if (specifier.startsWith('.')) return load(found(resolve(dirname(from.identifier), specifier)))
        if (specifier.startsWith('file:')) return load(found(new URL(specifier).pathname))
        const replaced = own[specifier]
        if (replaced === undefined) return packaged(specifier)
        const known = owned.get(specifier) ?? asModule(replaced)
        owned.set(specifier, known)
        return known
      }

      async function ready(module: vm.Module): Promise<vm.Module> {
        if (module.status === 'unlinked') await module.link(linked)
        await module.evaluate()
        return module
      }

      return { import: async (file) => (await ready(load(join(root, file)))).namespace as Namespace }
    },
  }
}

/** With the turns of its loops counted. */
function javascript(typescript: string): string {
  return transformSync(counted(typescript), { loader: 'ts', format: 'esm', target: 'node20' }).code
}

/** Sources name `.js` for what lies there as `.ts`. */
function found(path: string): string {
  const source = path.replace(/\.js$/, '.ts')
  return existsSync(source) ? source : path
}

async function asModule(namespace: Namespace): Promise<vm.Module> {
  const names = Object.keys(namespace)
  const module = new vm.SyntheticModule(names, () => {
    for (const name of names) module.setExport(name, namespace[name])
  })
  await module.link(() => Promise.reject(new Error('imports nothing')))
  await module.evaluate()
  return module
}
