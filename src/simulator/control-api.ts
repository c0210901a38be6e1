// The control port's interface as OpenAPI, which `GET /openapi.json` answers.
import type { Json, JsonObject } from '../core/protocol/events.js'
import { FAULTS } from './faults.js'
import { schemaOf } from './json-schema.js'
import { SCRIPT } from './script.js'

const json = (schema: JsonObject): JsonObject => ({ 'application/json': { schema } })
const answers = (schema: JsonObject, more: JsonObject = {}): JsonObject => ({ responses: { '200': { description: 'Done.', content: json(schema) }, ...more } })
const wrong = { '400': { description: 'What is wrong with the body, for a script with line and column.', content: json({ $ref: '#/components/schemas/Error' }) } }
const unknown = { '404': { description: 'There is no such session.', content: json({ $ref: '#/components/schemas/Error' }) } }
const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
const after = { name: 'after', in: 'query', schema: { type: 'integer', minimum: 0, default: 0 }, description: 'Only events after this number.' }
const side = { name: 'from', in: 'query', schema: { enum: ['client', 'server'] }, description: 'Only events of this side.' }
const list = (name: string): JsonObject => ({ type: 'array', items: { $ref: `#/components/schemas/${name}` } })

const SESSION: JsonObject = {
  type: 'object',
  required: ['id', 'target', 'dialect', 'deployment', 'open', 'closeCode', 'events'],
  properties: {
    id: { type: 'string' },
    target: { type: 'string', description: 'Path and query of the upgrade, without a key.' },
    dialect: { enum: ['ga', 'preview', 'voice-live'] },
    deployment: { type: 'string' },
    open: { type: 'boolean' },
    closeCode: { type: ['integer', 'null'] },
    events: { type: 'integer', description: 'How many passed, both ways.' },
  },
}
const CALL: JsonObject = {
  type: 'object',
  required: ['id', 'sessionId', 'connected', 'channel', 'sidebands'],
  properties: {
    id: { type: 'string' },
    sessionId: { type: 'string' },
    connected: { type: 'boolean', description: 'Its media are up.' },
    channel: { type: 'boolean', description: 'The browser’s data channel is open.' },
    sidebands: { type: 'integer' },
  },
}
const PASSED: JsonObject = {
  type: 'object',
  required: ['n', 'from', 'ms', 'event'],
  properties: {
    n: { type: 'integer' },
    from: { enum: ['client', 'server'] },
    ms: { type: 'integer', description: 'Since the session began.' },
    event: { type: 'object', required: ['type'], properties: { type: { type: 'string' } }, description: 'As it was spelled; texts of more than 2,000 characters are cut.' },
  },
}

export const CONTROL_API: JsonObject = {
  openapi: '3.1.0',
  info: { title: 'The simulator’s control port', version: '1', description: 'See sessions, and change what the simulator does, from any language.' },
  paths: {
    '/sessions': {
      get: { operationId: 'listSessions', summary: 'The latest 64 sessions, oldest first', ...answers(list('Session')) },
      delete: {
        operationId: 'endSessions',
        summary: 'Ends every session without a close frame, and forgets them',
        ...answers({ type: 'object', properties: { ended: { type: 'integer' } } }),
      },
    },
    '/calls': { get: { operationId: 'listCalls', summary: 'The WebRTC calls that are open, oldest first', ...answers(list('Call')) } },
    '/sessions/{id}/events': {
      get: {
        operationId: 'listEvents',
        summary: 'What passed in a session, both ways, the latest 2,000',
        parameters: [id, after, side] as Json,
        ...answers(list('Passed'), unknown),
      },
      post: {
        operationId: 'injectEvent',
        summary: 'Handles a client event as if another client of that conversation had sent it; its errors go to nobody',
        parameters: [id] as Json,
        requestBody: { required: true, content: json({ type: 'object', required: ['type'], properties: { type: { type: 'string' } } }) },
        ...answers({ type: 'object', properties: { handled: { type: 'string' } } }, { ...wrong, ...unknown }),
      },
    },
    '/sessions/{id}/items': {
      get: {
        operationId: 'listItems',
        summary: 'The items of its conversation, in order',
        parameters: [id] as Json,
        ...answers({ type: 'array', items: { type: 'object' } }, unknown),
      },
    },
    '/events': {
      get: {
        operationId: 'watchEvents',
        summary: 'Every event as it passes, as server-sent events',
        responses: {
          '200': { description: 'Each `data` is an object of `sessionId` and the fields of Passed.', content: { 'text/event-stream': { schema: { type: 'string' } } } },
        },
      },
    },
    '/faults': {
      get: { operationId: 'getFaults', summary: 'The faults in force', ...answers({ $ref: '#/components/schemas/Faults' }) },
      post: {
        operationId: 'setFaults',
        summary: 'Replaces the faults; an empty object ends them',
        requestBody: { required: true, content: json({ $ref: '#/components/schemas/Faults' }) },
        ...answers({ $ref: '#/components/schemas/Faults' }, wrong),
      },
    },
    '/script': {
      post: {
        operationId: 'setScript',
        summary: 'Replaces the script, also for open sessions; YAML or JSON, without sounds',
        requestBody: { required: true, content: { ...json({ $ref: '#/components/schemas/Script' }), 'application/yaml': { schema: { type: 'string' } } } },
        ...answers({ type: 'object', properties: { answers: { type: 'integer' } } }, wrong),
      },
      delete: { operationId: 'endScript', summary: 'Answers without a script again', ...answers({ type: 'object', properties: { answers: { type: 'integer' } } }) },
    },
  },
  components: {
    schemas: {
      Session: SESSION,
      Passed: PASSED,
      Call: CALL,
      Faults: schemaOf(FAULTS),
      Script: schemaOf(SCRIPT),
      Error: { type: 'object', required: ['error'], properties: { error: { type: 'object', required: ['message'], properties: { message: { type: 'string' } } } } },
    },
  },
}
