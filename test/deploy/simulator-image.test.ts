// The container command of the simulator's page: what the image would run, started as it stands, on free ports.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { startCommand } from '../support/built-relay.js'

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

it('the command of the page starts the simulator and its control port', { timeout: 60_000 }, async () => {
  const shown = /^docker run (.*?)^```/ms.exec(read('src/simulator/README.md'))?.[1] ?? ''
  const words = shown.replaceAll('\\\n', ' ').trim().split(/\s+/)
  const [entry, ...args] = words.slice(words.indexOf('realtime-relay') + 1)
  // The image starts Node in the folder that holds `dist`.
  expect(read('Dockerfile')).toMatch(/^ENTRYPOINT \["\/nodejs\/bin\/node"\]$/m)
  expect(read('Dockerfile')).toMatch(/^COPY --from=build \/app\/dist \/app\/dist$/m)
  expect(
    read('Dockerfile')
      .match(/^WORKDIR .*$/gm)
      ?.at(-1),
  ).toBe('WORKDIR /app')
  expect(entry).toBe('dist/cli.js')
  const published = words.filter((_, index) => words[index - 1] === '-p').map((port) => port.split(':').at(-1))
  const listening = ['--port', '--control'].map((flag) => args[args.indexOf(flag) + 1])
  expect(published).toEqual(listening)

  const command = await startCommand(args.map((word) => (listening.includes(word) ? '0' : word)))
  try {
    const [, control = ''] = await command.says(/^control (http:\S+)$/m)
    const page = await fetch(control)
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('Send a fault')])
    const [, url = ''] = await command.says(/^(http:\S+)$/m)
    expect((await fetch(url)).status).toBe(404)
    command.child.kill('SIGTERM')
    expect((await command.ended).code).toBe(0)
  } finally {
    await command.stop()
  }
})
