// What `simulate` loads before its first line. Its start is short because it loads no more; times are for the bench, not for a test.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCommand } from '../support/built-relay.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-start-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The scripts that Node had loaded when the command was told to stop, as its coverage names them. */
async function loadedBy(words: readonly string[]): Promise<{ packages: string[]; files: string[] }> {
  const coverage = mkdtempSync(join(folder, 'coverage-'))
  const command = await startCommand(words, { env: { NODE_V8_COVERAGE: coverage } })
  await command.says(/^http:\/\/\S+$/m)
  command.child.kill('SIGTERM')
  await command.ended
  const urls = readdirSync(coverage).flatMap((name) => (JSON.parse(readFileSync(join(coverage, name), 'utf8')) as { result: { url: string }[] }).result.map(({ url }) => url))
  const after = (mark: string) => urls.filter((url) => url.includes(mark)).map((url) => url.slice(url.lastIndexOf(mark) + mark.length))
  return { packages: [...new Set(after('/node_modules/').map((path) => path.split('/')[0] ?? ''))].sort(), files: after('/dist/').filter((path) => !path.includes('node_modules')) }
}

describe('the start of simulate', () => {
  it('loads the WebSocket library alone, and no part of the relay', async () => {
    for (const words of [['simulate'], ['simulate', '--control', '0']]) {
      const { packages, files } = await loadedBy(words)
      expect(packages.filter((name) => !['bufferutil', 'node-gyp-build'].includes(name))).toEqual(['ws'])
      expect(files).toContain('simulator/simulator.js')
      const rooms = new Set(files.filter((file) => file.includes('/')).map((file) => file.slice(0, file.indexOf('/'))))
      for (const room of ['relay', 'ingress', 'auth', 'tools', 'store', 'ops', 'admin', 'upstream', 'profiles', 'json']) expect(rooms, room).not.toContain(room)
      for (const file of ['config/load.js', 'config/env-file.js', 'simulator/record-proxy.js', 'server/server.js']) expect(files).not.toContain(file)
    }
  })

  it('loads what a flag asks for', async () => {
    const script = join(folder, 'answers.yaml')
    writeFileSync(script, 'answers: []\n')
    expect((await loadedBy(['simulate', '--script', script])).packages).toContain('yaml')
    const { files } = await loadedBy(['simulate', '--upstream', 'http://127.0.0.1:9', '--record', join(folder, 'recorded.yaml')])
    expect(files).toContain('simulator/record-proxy.js')
  })
})
