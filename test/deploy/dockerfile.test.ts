// The image is built from a lockfile without scripts, runs without root or shell, and copies nothing that could hold a secret.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const text = (name: string) => readFileSync(join(root, name), 'utf8')
const dockerfile = text('Dockerfile')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
const stages = dockerfile.reduce<string[][]>((all, line) => {
  if (line.startsWith('FROM ')) all.push([])
  all.at(-1)?.push(line)
  return all
}, [])
const last = stages.at(-1) ?? []
const images = dockerfile.filter((line) => line.startsWith('ARG ') && line.includes('_IMAGE=')).map((line) => line.split('=')[1] ?? '')

describe('Dockerfile', () => {
  it('has several stages, each from an argument', () => {
    expect(stages.length).toBeGreaterThanOrEqual(3)
    for (const [from] of stages) expect(from).toMatch(/^FROM \$\{\w+_IMAGE\}/)
  })

  it('names images of Node 24 by version', () => {
    expect(images).toHaveLength(2)
    for (const image of images) {
      expect(image).toMatch(/24[^:]*:|:24/)
      expect(image).toMatch(/:[\w.-]+$/)
      expect(image).not.toMatch(/:latest/)
    }
  })

  it('ends in an image without a shell', () => {
    expect(last[0]).toMatch(/^FROM \$\{RUNTIME_IMAGE\}$/)
    expect(images[1]).toMatch(/^gcr\.io\/distroless\//)
    expect(last.some((line) => line.startsWith('RUN '))).toBe(false)
    for (const line of last.filter((entry) => /^(CMD|ENTRYPOINT) /.test(entry))) expect(line).toMatch(/^\w+ \[/)
  })

  it('runs as a numeric user that is not root', () => {
    const user = last.findLast((line) => line.startsWith('USER '))
    expect(user).toMatch(/^USER [1-9]\d*:[1-9]\d*$/)
  })

  it('installs from the lockfile and runs no package’s scripts', () => {
    const installs = dockerfile.filter((line) => /npm (ci|install|i)\b/.test(line))
    expect(installs.length).toBeGreaterThan(0)
    for (const line of installs) expect(line).toMatch(/npm ci .*--ignore-scripts/)
    expect(installs.some((line) => line.includes('--omit=dev'))).toBe(true)
  })

  it('makes the folder of the code before the user or the base image’s user could own it', () => {
    const copies = last.flatMap((line, at) => (line.startsWith('COPY ') ? [at] : []))
    expect(copies).toHaveLength(3)
    for (const at of copies) expect(last[at]).toMatch(/^COPY (?!.*--chown).* \/app\/\S*$/)
    expect(Math.max(...copies)).toBeLessThan(last.indexOf('WORKDIR /app'))
    expect(last.filter((line) => line.startsWith('WORKDIR '))).toEqual(['WORKDIR /app'])
  })

  it('leaves behind what only compilers and debuggers read', () => {
    const leaves = (part: string) => dockerfile.find((line) => line.startsWith('RUN ') && line.includes(part)) ?? ''
    for (const name of ["'*.map'", "'*.d.ts'", '.tsbuildinfo']) expect(leaves('npm run build && find dist -type f')).toContain(`-name ${name}`)
    for (const name of ["'*.map'", "'*.ts'", "'*.mts'", "'*.cts'", '.package-lock.json']) expect(leaves('find node_modules -type f')).toContain(`-name ${name}`)
  })

  it('is production, stops on SIGTERM and checks itself with Node', () => {
    expect(last).toContain('ENV NODE_ENV=production')
    expect(last).toContain('STOPSIGNAL SIGTERM')
    expect(last.find((line) => line.startsWith('HEALTHCHECK '))).toMatch(/CMD \["\/nodejs\/bin\/node", "dist\/healthcheck\.js"\]$/)
    expect(existsSync(join(root, 'src/healthcheck.ts'))).toBe(true)
    expect(existsSync(join(root, 'src/main.ts'))).toBe(true)
  })

  it('passes no secret as an argument or variable', () => {
    expect(dockerfile.filter((line) => /^(ARG|ENV) .*(KEY|SECRET|TOKEN|PASSWORD)/i.test(line))).toEqual([])
  })
})

describe('.dockerignore', () => {
  const lines = text('.dockerignore').split('\n')
  it('leaves everything out but what is named', () => {
    expect(lines[0]).toBe('*')
    expect(lines).toContain('**/.env*')
  })

  it('lets in what the build copies', () => {
    const copied = stages
      .flat()
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(' ').slice(1, -1))
    for (const name of copied) expect(lines, name).toContain(`!${name.replace(/^\.\/(?=\w)/, '')}`)
  })
})
