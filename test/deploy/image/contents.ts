// What must not lie in the image, and whether its packages are those that production needs: from its files alone.
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface ImageFile {
  /** From the image's root, without a slash before. */
  readonly path: string
  readonly folder: boolean
  readonly link: boolean
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly bytes: number
  /** The same for every name of one file. */
  readonly inode: number
}

export function imageFiles(rootfs: string): readonly ImageFile[] {
  return readdirSync(rootfs, { recursive: true, encoding: 'utf8' }).map((path) => {
    const found = lstatSync(join(rootfs, path))
    return { path, folder: found.isDirectory(), link: found.isSymbolicLink(), mode: found.mode, uid: found.uid, gid: found.gid, bytes: found.size, inode: found.ino }
  })
}

const SETUID = 0o6000
const TOOLS = /^(usr\/)?(local\/)?s?bin\/(sh|bash|dash|ash|busybox|apt|apt-get|dpkg|npm|npx|corepack|curl|wget)$/

/** Each rule: why a file may not be there, and which files it means. */
const RULES: readonly (readonly [why: string, wrong: (file: ImageFile, user: { uid: number; gid: number }) => boolean])[] = [
  ['a source map', ({ path }) => path.startsWith('app/') && path.endsWith('.map')],
  ['a source or a declaration', ({ path }) => path.startsWith('app/') && /\.[mc]?ts$/.test(path)],
  ["the compiler's state", ({ path }) => path.endsWith('.tsbuildinfo')],
  ['a lockfile or a setting of npm', ({ path }) => /(^|\/)(\.?package-lock\.json|npm-shrinkwrap\.json|\.npmrc)$/.test(path)],
  // Packages may ship an example of theirs.
  ['an environment file', ({ path }) => /(^|\/)\.env(\.[^/]*)?$/.test(path) && !path.startsWith('app/node_modules/')],
  ['a test of ours', ({ path }) => path.startsWith('app/') && !path.startsWith('app/node_modules/') && /(^|\/)tests?\/|\.test\.[mc]?js$/.test(path)],
  ['a file of the project that the relay does not read', ({ path }) => path.startsWith('app/') && !/^app\/(dist|node_modules)(\/|$)|^app\/(package\.json|LICENSE)$/.test(path)],
  ['setuid or setgid', ({ mode, folder, link }) => !folder && !link && (mode & SETUID) !== 0],
  ['a shell or a package manager', ({ path }) => TOOLS.test(path)],
  ['code that the relay could change', (file, { uid, gid }) => !file.link && /^(app|nodejs)(\/|$)/.test(file.path) && writable(file, uid, gid)],
]

function writable({ mode, ...owner }: ImageFile, uid: number, gid: number): boolean {
  return owner.uid === uid || (owner.gid === gid && (mode & 0o020) !== 0) || (mode & 0o002) !== 0
}

/** Every file that may not be there, as `why: path`. */
export function unwanted(files: readonly ImageFile[], user: { readonly uid: number; readonly gid: number }): readonly string[] {
  return RULES.flatMap(([why, wrong]) => files.filter((file) => wrong(file, user)).map(({ path }) => `${why}: ${path}`))
}

/** Folders of packages below `app`, as npm names them. */
export function packagesIn(files: readonly ImageFile[]): readonly string[] {
  return files.flatMap(({ path }) => /^app\/((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/@.][^/]*)\/package\.json$/.exec(path)?.[1] ?? []).sort()
}

/** What differs between the packages of the image and those that npm lists for production. */
export function packageDifferences(inImage: readonly string[], listed: readonly string[]): readonly string[] {
  return [
    ...inImage.filter((path) => !listed.includes(path)).map((path) => `not of production: ${path}`),
    ...listed.filter((path) => !inImage.includes(path)).map((path) => `missing: ${path}`),
  ]
}

/** Bytes of the files below a folder, or of all. Links count nothing, and a file with several names counts once. */
export function bytesBelow(files: readonly ImageFile[], folder = ''): number {
  const counted = files.filter(({ path, folder: isFolder, link }) => !isFolder && !link && path.startsWith(folder))
  return [...new Map(counted.map(({ inode, bytes }) => [inode, bytes])).values()].reduce((sum, bytes) => sum + bytes, 0)
}

/** Text files of our own code that name a place on the machine that built them. */
export function machinePaths(rootfs: string, files: readonly ImageFile[]): readonly string[] {
  const ours = files.filter(({ path, folder, link }) => !folder && !link && path.startsWith('app/dist/') && /\.(js|json|html|css)$/.test(path))
  return ours.filter(({ path }) => /(["'`(\s])\/(app|home|root|work|builds?|Users|tmp\/buildah)\//.test(readFileSync(join(rootfs, path), 'utf8'))).map(({ path }) => path)
}
