// The README's tables, made from the code they describe, so that neither can drift from the other.
import { VARIABLES, variableNames } from '../../src/config/variables.js'
import { CLIENT_RULES } from '../../src/core/policy/client-rules.js'
import { SERVER_RULES } from '../../src/core/policy/server-rules.js'
import { dialectFor } from '../../src/core/protocol/dialects.js'
import { refusalCodes, refusalEntry } from '../../src/core/protocol/errors.js'
import { NO_COUNTERPART } from '../../src/core/protocol/preview/gaps.js'

const ADVICE = {
  new_token: 'get a new token',
  stop: 'stop',
  fix_client: 'fix the client',
  back_off: 'back off, then retry',
  on_user_action: 'when the user acts again',
  new_session: 'open a new session',
  reconnect: 'reconnect',
}

const CLIENT: Readonly<Record<string, string>> = {
  'session.update': 'rebuilt: the fields in `CLIENT_MAY_SET`, and the server’s part again',
  'response.create': 'rebuilt: `metadata` and the fields in `CLIENT_MAY_SET`; `conversation: "none"` and `input` refused',
  'response.cancel': 'rebuilt; also stops tools at work',
  'conversation.item.create': 'rebuilt: user messages, results of the client’s own calls; anything else refused',
  'conversation.item.retrieve': 'rebuilt; hidden items do not exist',
  'conversation.item.delete': 'rebuilt; hidden items do not exist',
  'conversation.item.truncate': 'rebuilt; hidden items do not exist',
  'input_audio_buffer.append': 'as sent in one exact shape, else rebuilt',
  'input_audio_buffer.commit': 'rebuilt',
  'input_audio_buffer.clear': 'rebuilt',
  'output_audio_buffer.clear': 'refused: WebRTC only',
}

const ITEM = 'as sent for messages and the client’s own calls, links mended around hidden items; else hidden'
const MCP = 'hidden'
const PLAIN = 'as sent'
const SERVER: Readonly<Record<string, string>> = {
  error: 'as sent for known, harmless texts; else in the relay’s words; errors about the relay’s own events are hidden',
  'session.created': 'rebuilt: no instructions, model, prompt or server-run tools',
  'session.updated': 'rebuilt likewise',
  'conversation.created': PLAIN,
  'conversation.item.created': ITEM,
  'conversation.item.added': ITEM,
  'conversation.item.done': ITEM,
  'conversation.item.retrieved': ITEM,
  'conversation.item.deleted': PLAIN,
  'conversation.item.truncated': PLAIN,
  'conversation.item.input_audio_transcription.delta': PLAIN,
  'conversation.item.input_audio_transcription.completed': PLAIN,
  'conversation.item.input_audio_transcription.segment': PLAIN,
  'conversation.item.input_audio_transcription.failed': 'as sent; the error’s text like that of `error`',
  'input_audio_buffer.committed': 'as sent, link mended',
  'input_audio_buffer.cleared': PLAIN,
  'input_audio_buffer.speech_started': PLAIN,
  'input_audio_buffer.speech_stopped': PLAIN,
  'input_audio_buffer.timeout_triggered': PLAIN,
  'input_audio_buffer.dtmf_event_received': 'hidden: key presses, SIP only',
  'output_audio_buffer.started': 'hidden: WebRTC only',
  'output_audio_buffer.stopped': 'hidden: WebRTC only',
  'output_audio_buffer.cleared': 'hidden: WebRTC only',
  'response.created': 'as sent; kept back until something visible comes while the session has server-run tools',
  'response.done': 'as sent; without hidden items in `output`; not at all for a response of server-run calls only',
  'response.output_item.added': ITEM,
  'response.output_item.done': ITEM,
  'response.content_part.added': PLAIN,
  'response.content_part.done': PLAIN,
  'response.output_text.delta': PLAIN,
  'response.output_text.done': PLAIN,
  'response.output_audio.delta': 'as sent, without being parsed',
  'response.output_audio.done': PLAIN,
  'response.output_audio_transcript.delta': PLAIN,
  'response.output_audio_transcript.done': PLAIN,
  'response.function_call_arguments.delta': 'as sent for the client’s own calls; else hidden',
  'response.function_call_arguments.done': 'as sent for the client’s own calls; else hidden',
  'response.mcp_call_arguments.delta': MCP,
  'response.mcp_call_arguments.done': MCP,
  'response.mcp_call.in_progress': MCP,
  'response.mcp_call.completed': MCP,
  'response.mcp_call.failed': MCP,
  'mcp_list_tools.in_progress': MCP,
  'mcp_list_tools.completed': MCP,
  'mcp_list_tools.failed': MCP,
  'rate_limits.updated': 'recorded, and hidden unless `FORWARD_RATE_LIMITS=true`',
}

/** Marker name → the table between `<!-- name -->` and `<!-- /name -->`. */
export const README_TABLES: Readonly<Record<string, () => string>> = {
  variables: () =>
    table(
      ['variable', 'default', 'meaning'],
      variableNames.map((name) => {
        const { file, default: fallback, doc } = VARIABLES[name]
        const values =
          fallback === undefined
            ? ''
            : fallback
                .split(',')
                .map((one) => `\`${one}\``)
                .join(', ')
        return [`\`${name}\`${file ? ' (`_FILE`)' : ''}`, values, doc]
      }),
    ),
  refusals: () =>
    table(
      ['code', 'before the upgrade', 'after it', 'what to do'],
      refusalCodes().map((code) => {
        const { httpStatus, closeCode, advice } = refusalEntry(code)
        return [`\`${code}\``, String(httpStatus), String(closeCode), ADVICE[advice]]
      }),
    ),
  'client-events': () => table(['from the client', 'what happens'], rows(CLIENT_RULES, CLIENT)),
  'server-events': () =>
    table(
      ['from the model', 'in the preview dialect', 'what the client sees'],
      rows(SERVER_RULES, SERVER).map(([type = '', what = '']) => [type, previewName(type.replaceAll('`', '')), what]),
    ),
  dialects: () =>
    table(
      ['only in', 'where', 'what', 'becomes'],
      NO_COUNTERPART.map(({ from, where, name, becomes }) => [from === 'ga' ? 'GA' : 'preview', where, `\`${name}\``, becomes]),
    ),
}

function rows(rules: Readonly<Record<string, unknown>>, texts: Readonly<Record<string, string>>): string[][] {
  return Object.keys(rules).map((type) => {
    const text = texts[type]
    if (text === undefined) throw new Error(`${type} has a rule and no line in the README`)
    return [`\`${type}\``, text]
  })
}

function previewName(type: string): string {
  const item = { id: 'item_1', type: 'message', role: 'user', status: 'completed', content: [] }
  const types = dialectFor('preview')
    .fromGa({ type, event_id: 'e', item, response: {}, session: {}, error: {} })
    .map((event) => event.type)
  if (types.length === 0) return '–'
  return types[0] === type ? 'the same' : `\`${types[0]}\``
}

function table(head: string[], body: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')
}
