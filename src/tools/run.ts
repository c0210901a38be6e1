// Runs one tool call: checks its arguments, limits time and size, and turns every failure into an output that the model can read.
import { cutToBytes } from '../core/protocol/errors.js'
import type { ToolCall, ToolContext, ToolOutcome, ToolSource, ToolSpec } from '../ports/tools.js'
import type { ToolLog } from './source-options.js'
import { parseArguments } from './tool-arguments.js'
import { ArgumentsRefused, ToolFailure } from './tool-failure.js'
import type { ArgumentCheck } from './tool-schema.js'

/** A tool with everything needed to call it. */
export interface BoundTool {
  readonly spec: ToolSpec
  readonly source: Pick<ToolSource, 'name' | 'call'>
  readonly check: ArgumentCheck
}

interface RunLimits {
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly log: ToolLog
  readonly logPayloads?: boolean
}

/** Most bytes logged of the arguments, and of the output. */
const MAX_LOGGED_BYTES = 8192

type Answer = Pick<ToolOutcome, 'output' | 'outcome'>

/** Never rejects. Settles at the time limit, or as soon as `context.signal` aborts, whatever the source does. */
export async function runTool(tool: BoundTool | undefined, call: ToolCall, context: ToolContext, limits: RunLimits): Promise<ToolOutcome> {
  const startedAt = performance.now()
  const { output, outcome } = await answerOf(tool, call, context, limits)
  const limited = limitOutput(output, limits.maxBytes)
  if (limits.logPayloads) {
    const payload = { tool_arguments: cutToBytes(call.arguments, MAX_LOGGED_BYTES), tool_output: cutToBytes(limited.text, MAX_LOGGED_BYTES) }
    limits.log.info({ tool: call.name, sessionId: context.sessionId, outcome, ...payload }, 'tool payload')
  }
  return { output: limited.text, cut: limited.cut, outcome, durationMs: performance.now() - startedAt }
}

async function answerOf(tool: BoundTool | undefined, call: ToolCall, context: ToolContext, limits: RunLimits): Promise<Answer> {
  if (!tool) return { outcome: 'unknown_tool', output: 'There is no tool of this name.' }
  const parsed = parseArguments(call.arguments)
  const problem = parsed.ok ? tool.check(parsed.args) : parsed.problem
  if (!parsed.ok || problem !== undefined) return invalid(problem)
  if (context.signal.aborted) return ABORTED

  const controller = new AbortController()
  const timeoutMs = tool.spec.timeoutMs ?? limits.timeoutMs
  return await new Promise<Answer>((resolve) => {
    const finish = (answer: Answer) => {
      clearTimeout(timer)
      context.signal.removeEventListener('abort', onAbort)
      resolve(answer)
    }
    const stop = (answer: Answer) => {
      finish(answer)
      controller.abort()
    }
    const onAbort = () => stop(ABORTED)
    const timer = setTimeout(() => stop({ outcome: 'timeout', output: `The tool did not answer within ${timeoutMs / 1000} s.` }), timeoutMs)
    context.signal.addEventListener('abort', onAbort, { once: true })
    callSource(tool, parsed.args, { ...context, signal: controller.signal }).then(
      (output) => finish({ outcome: 'ok', output: output === '' ? 'Done. The tool returned no text.' : output }),
      (error: unknown) => {
        if (!controller.signal.aborted) limits.log.warn({ tool: tool.spec.definition.name, source: tool.source.name, reason: reasonOf(error) }, 'tool call failed')
        finish(failureAnswer(error))
      },
    )
  })
}

const ABORTED: Answer = { outcome: 'aborted', output: 'The tool call was cancelled.' }

/** Async, so that a source that throws rejects like any other. */
async function callSource(tool: BoundTool, args: unknown, context: ToolContext): Promise<string> {
  const output: unknown = await tool.source.call(tool.spec.definition.name, args, context)
  return typeof output === 'string' ? output : (JSON.stringify(output) ?? '')
}

function invalid(problem: string | undefined): Answer {
  return { outcome: 'invalid_arguments', output: `Invalid arguments: ${problem ?? 'not valid'}. Correct them and call the tool again.` }
}

function failureAnswer(error: unknown): Answer {
  if (error instanceof ArgumentsRefused) return invalid(error.problem)
  if (error instanceof ToolFailure) return { outcome: 'error', output: error.message }
  return { outcome: 'error', output: 'The tool failed.' }
}

function reasonOf(error: unknown): string {
  if (error instanceof ToolFailure) return error.reason
  return error instanceof Error ? error.name : typeof error
}

/** Well-formed UTF-16 of at most `maxBytes` bytes of UTF-8. This includes the note about the cut, if it fits. */
function limitOutput(output: string, maxBytes: number): { text: string; cut: boolean } {
  const text = Buffer.from(output, 'utf8').toString('utf8')
  if (Buffer.byteLength(text) <= maxBytes) return { text, cut: false }
  const note = `\n[cut: longer than ${maxBytes} bytes]`
  const room = maxBytes - Buffer.byteLength(note)
  return { text: room > 0 ? cutToBytes(text, room) + note : cutToBytes(text, maxBytes), cut: true }
}
