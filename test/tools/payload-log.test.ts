// A tool's arguments and output are logged only if the operator asked for it, and bounded.
import { expect, it } from 'vitest'
import { createLogger } from '../../src/ops/log.js'
import { runTool } from '../../src/tools/run.js'
import { contextFor, testOptions } from './tool-context.js'

const bound = (answer: string) => ({
  spec: { definition: { type: 'function' as const, name: 'weather' }, owner: 'server' as const },
  source: { name: 'test', call: async () => answer },
  check: () => undefined,
})

/** All lines of the relay's own logger at level trace. */
async function linesOf(logPayloads: boolean | undefined, args: string, answer: string): Promise<string> {
  let text = ''
  const write = (line: string): void => {
    text += line
  }
  const log = createLogger({ logLevel: 'trace' }, { write, dropped: 0, flush: async () => undefined })
  const limits = { ...testOptions({ maxBytes: 1e6 }), log, ...(logPayloads === undefined ? {} : { logPayloads }) }
  const { output } = await runTool(bound(answer), { callId: 'c', name: 'weather', arguments: args }, contextFor(), limits)
  expect(output).toBe(answer)
  return text
}

it('is logged with session, tool and outcome if configured', async () => {
  const line = JSON.parse(await linesOf(true, '{"city":"Bergen"}', 'sunny'))
  expect(line).toMatchObject({
    level: 'info',
    msg: 'tool payload',
    tool: 'weather',
    sessionId: 'session-1',
    outcome: 'ok',
    tool_arguments: '{"city":"Bergen"}',
    tool_output: 'sunny',
  })
})

it('is cut if it is long', async () => {
  const line = JSON.parse(await linesOf(true, `{"city":"${'é'.repeat(20_000)}"}`, 'x'.repeat(100_000)))
  expect(Buffer.byteLength(line.tool_arguments)).toBeLessThanOrEqual(8192)
  expect(line.tool_output).toBe('x'.repeat(8192))
})

it.each([false, undefined])('is not logged otherwise (%s)', async (logPayloads) => {
  expect(await linesOf(logPayloads, '{"city":"Bergen"}', 'sunny')).toBe('')
})
