// Rows of the server sheet: items, responses and the events of their parts. A client sees messages, its own calls, and links between those.
import { ev, tool } from '../../support/playbook.js'
import { CLIENT_CALL_ITEM, CLOSED_CALL, HIDDEN, HIDDEN_FIRST, OPEN_CALL } from '../../support/view.js'
import type { Row } from './sheet.js'

const hiddenItem = { drop: 'hidden_item' }
const serverCall = ev.call('call_1', 'get_weather', '{"city":"Bergen"}')
const clientCall = ev.call(OPEN_CALL, 'show_on_screen')
const message = ev.message('item_answer')
const system = { id: 'item_sys', type: 'message', role: 'system', content: [{ type: 'input_text', text: 'secret' }] }
const serverOutput = { id: 'item_out', type: 'function_call_output', call_id: 'call_1', output: 'secret result' }

const ITEM_TYPES = ['conversation.item.created', 'conversation.item.added', 'conversation.item.done'] as const

const items = ITEM_TYPES.flatMap((type): Row[] => {
  const of = (item: object | undefined, previous: string | null = 'item_seen') => ({ type, event_id: 'e', previous_item_id: previous, ...(item ? { item } : {}) })
  return [
    { id: `${type}/1`, event: of(message), verdict: 'forward', because: 'an answer' },
    {
      id: `${type}/2`,
      event: of({ id: 'u', type: 'message', role: 'user', content: [{ type: 'input_audio', transcript: null }] }),
      verdict: 'forward',
      because: 'what the user said',
    },
    { id: `${type}/3`, event: of(system), verdict: hiddenItem, because: 'system messages are instructions' },
    { id: `${type}/4`, event: of({ ...system, role: 'developer' }), verdict: hiddenItem, because: 'likewise' },
    { id: `${type}/5`, event: of(serverCall), verdict: hiddenItem, because: 'a call of the server’s: name and arguments' },
    { id: `${type}/6`, event: of({ ...serverCall, name: 'nobody_declared_this' }), verdict: hiddenItem, because: 'an unknown name is the server’s' },
    { id: `${type}/7`, event: of(clientCall), verdict: 'forward', because: 'a call of the client’s' },
    { id: `${type}/8`, event: of(serverOutput), verdict: hiddenItem, because: 'a tool’s result' },
    { id: `${type}/9`, event: of({ ...serverOutput, call_id: CLOSED_CALL }), verdict: 'forward', because: 'the client’s own result' },
    { id: `${type}/10`, event: of({ id: 'm', type: 'mcp_list_tools', server_label: 'x', tools: [{ name: 'secret' }] }), verdict: hiddenItem, because: 'tools again' },
    { id: `${type}/11`, event: of({ id: 'm', type: 'mcp_call', name: 'x', arguments: '{}', output: 'secret' }), verdict: hiddenItem, because: 'a result again' },
    { id: `${type}/12`, event: of({ id: 'm', type: 'mcp_approval_request', name: 'x', arguments: '{}' }), verdict: hiddenItem, because: 'a call again' },
    { id: `${type}/13`, event: of({ id: 'm', type: 'item_of_next_year', text: 'x' }), verdict: hiddenItem, because: 'an item nobody thought of' },
    { id: `${type}/14`, event: of({ ...message, id: HIDDEN }), verdict: hiddenItem, because: 'hidden by its id' },
    { id: `${type}/15`, event: of(message, HIDDEN), verdict: { replace: of(message, 'item_seen') }, because: 'the link skips hidden items' },
    { id: `${type}/16`, event: of(message, HIDDEN_FIRST), verdict: { replace: of(message, null) }, because: 'to the start where nothing visible is before' },
    { id: `${type}/17`, event: of({ ...message, internal: 'x' }), verdict: { replace: of(message) }, because: 'a field of next year' },
    {
      id: `${type}/18`,
      event: of({ ...message, content: [{ type: 'output_text', text: 'hi', annotations: ['x'] }] }),
      verdict: { replace: of({ ...message, content: [{ type: 'output_text', text: 'hi' }] }) },
      because: 'inside a part too',
    },
    { id: `${type}/19`, event: of(undefined), verdict: { drop: 'malformed' }, because: 'no item' },
  ]
})

const of = (kind: 'added' | 'done', item: object, extra: object = {}) => ({
  type: `response.output_item.${kind}`,
  event_id: 'e',
  response_id: 'r',
  output_index: 0,
  item,
  ...extra,
})
const outputs = (['added', 'done'] as const).flatMap((kind): Row[] => [
  { id: `out-${kind}-1`, event: of(kind, message), verdict: 'forward', because: 'an answer' },
  { id: `out-${kind}-2`, event: of(kind, serverCall), verdict: hiddenItem, because: 'a call of the server’s' },
  { id: `out-${kind}-3`, event: of(kind, clientCall), verdict: 'forward', because: 'a call of the client’s' },
  { id: `out-${kind}-4`, event: of(kind, message, { internal: 1 }), verdict: { replace: of(kind, message) }, because: 'a field of next year' },
  { id: `out-${kind}-5`, event: of(kind, { id: 'm', type: 'mcp_call', name: 'x' }), verdict: hiddenItem, because: 'MCP is not the client’s' },
])

const failed = (error: object) => ({ type: 'failed', error })
const done = (response: object) => ({ type: 'response.done', event_id: 'e', response: { object: 'realtime.response', id: 'r', status: 'completed', output: [], ...response } })
const generic = { type: 'server_error', code: null, message: 'The model service reported an error.', param: null, event_id: null }

const responses: readonly Row[] = [
  {
    id: 'resp-1',
    event: ev.created('r', { usage: null, metadata: { turn: '7' }, status_details: null }),
    verdict: 'forward',
    because: 'what the client asked for, under its own metadata',
  },
  { id: 'resp-2', event: { type: 'response.created', event_id: 'e' }, verdict: { drop: 'malformed' }, because: 'no response' },
  { id: 'resp-3', event: done({ output: [message] }), verdict: 'forward', because: 'an answer' },
  {
    id: 'resp-4',
    event: done({ output: [serverCall, message, clientCall, serverOutput] }),
    verdict: { replace: done({ output: [message, clientCall] }) },
    because: 'every call of the server’s goes',
  },
  { id: 'resp-5', event: done({ output: [serverCall, serverCall] }), verdict: { replace: done({ output: [] }) }, because: 'two in a row too' },
  { id: 'resp-6', event: done({ output: [{ ...message, internal: 1 }] }), verdict: { replace: done({ output: [message] }) }, because: 'fields of next year in its items' },
  { id: 'resp-7', event: done({ output: ['text', null, 7] }), verdict: { replace: done({ output: [] }) }, because: 'what is no item is not shown' },
  { id: 'resp-8', event: done({ instructions: 'secret', tools: [], prompt: {} }), verdict: { replace: done({}) }, because: 'a response that told of its instructions' },
  { id: 'resp-9', event: { ...done({}), internal: 1 }, verdict: { replace: done({}) }, because: 'a field of next year beside it' },
  { id: 'resp-10', event: done({ usage: { total_tokens: 3 } }), verdict: 'forward', because: 'what the client used' },
  {
    id: 'resp-11',
    event: done({
      status: 'failed',
      status_details: failed({ type: 'invalid_request_error', code: 'inference_rate_limit_exceeded', message: 'Deployment secret-deployment is over its limit.' }),
    }),
    verdict: {
      replace: done({ status: 'failed', status_details: failed({ ...generic, type: 'invalid_request_error', code: 'inference_rate_limit_exceeded' }) }),
    },
    because: 'the code tells the client what to do; the text names the deployment',
  },
  {
    id: 'resp-12',
    event: done({ status: 'failed', status_details: failed({ type: 'server_error', code: null, message: 'The server had an error while processing your request.' }) }),
    verdict: 'forward',
    because: 'a harmless text of a known kind',
  },
  { id: 'resp-13', event: done({ status: 'cancelled', status_details: { type: 'cancelled', reason: 'turn_detected' } }), verdict: 'forward', because: 'why it ended' },
]

const part = (type: string, extra: object = {}) => ({ type, event_id: 'e', response_id: 'r', item_id: 'item_answer', output_index: 0, content_index: 0, ...extra })
const PART_EVENTS: readonly (readonly [string, object])[] = [
  ['response.content_part.added', { part: { type: 'audio', transcript: '' }, content: { type: 'audio', transcript: '' } }],
  ['response.content_part.done', { part: { type: 'text', text: 'hi' } }],
  ['response.output_text.delta', { delta: 'hi', obfuscation: 'xx' }],
  ['response.output_text.done', { text: 'hi' }],
  ['response.output_audio.delta', { delta: 'AAAA' }],
  ['response.output_audio.done', {}],
  ['response.output_audio_transcript.delta', { delta: 'hi' }],
  ['response.output_audio_transcript.done', { transcript: 'hi' }],
]
const parts = PART_EVENTS.flatMap(([type, fields]): Row[] => [
  { id: `${type}/1`, event: part(type, fields), verdict: 'forward', because: 'part of an answer' },
  { id: `${type}/2`, event: part(type, { ...fields, item_id: HIDDEN }), verdict: hiddenItem, because: 'part of a hidden item' },
  { id: `${type}/3`, event: part(type, { ...fields, instructions: 'secret' }), verdict: { replace: part(type, fields) }, because: 'a field of next year' },
])

const args = (kind: 'delta' | 'done', itemId: string, extra: object = {}) => ({
  type: `response.function_call_arguments.${kind}`,
  event_id: 'e',
  response_id: 'r',
  item_id: itemId,
  output_index: 0,
  call_id: OPEN_CALL,
  ...(kind === 'delta' ? { delta: '{}' } : { name: 'show_on_screen', arguments: '{}' }),
  ...extra,
})
const argumentRows = (['delta', 'done'] as const).flatMap((kind): Row[] => [
  { id: `args-${kind}-1`, event: args(kind, CLIENT_CALL_ITEM), verdict: 'forward', because: 'a call of the client’s' },
  { id: `args-${kind}-2`, event: args(kind, 'item_call_1'), verdict: hiddenItem, because: 'any other call: names and arguments' },
  { id: `args-${kind}-3`, event: args(kind, CLIENT_CALL_ITEM, { internal: 1 }), verdict: { replace: args(kind, CLIENT_CALL_ITEM) }, because: 'a field of next year' },
  { id: `args-${kind}-4`, event: { type: `response.function_call_arguments.${kind}` }, verdict: hiddenItem, because: 'no item, no owner' },
])

const retrieved = (item: object) => ({ type: 'conversation.item.retrieved', event_id: 'e', item })
const others: readonly Row[] = [
  { id: 'retr-1', event: retrieved(message), verdict: 'forward', because: 'an item the client may see' },
  { id: 'retr-2', event: retrieved(system), verdict: hiddenItem, because: 'whoever asked for it' },
  { id: 'retr-3', event: retrieved(serverOutput), verdict: hiddenItem, because: 'a tool’s result' },
  { id: 'retr-4', event: retrieved({ ...message, tools: [tool('x')] }), verdict: { replace: retrieved(message) }, because: 'a field of next year' },
  { id: 'del-1', event: { type: 'conversation.item.deleted', event_id: 'e', item_id: 'item_seen' }, verdict: 'forward', because: 'an item the client knows' },
  { id: 'del-2', event: { type: 'conversation.item.deleted', event_id: 'e', item_id: HIDDEN }, verdict: hiddenItem, because: 'tells the id of a hidden item' },
  {
    id: 'trunc-1',
    event: { type: 'conversation.item.truncated', event_id: 'e', item_id: 'item_seen', content_index: 0, audio_end_ms: 1 },
    verdict: 'forward',
    because: 'an answer to the client',
  },
  { id: 'trunc-2', event: { type: 'conversation.item.truncated', event_id: 'e', item_id: HIDDEN, content_index: 0, audio_end_ms: 1 }, verdict: hiddenItem, because: 'hidden' },
]

export const SERVER_ITEM_ROWS: readonly Row[] = [...items, ...outputs, ...responses, ...parts, ...argumentRows, ...others]
