// Describes the admin API as OpenAPI 3.1, from the table of routes that serves it.
import { refusalCodes } from '../core/protocol/errors.js'
import { type AdminField, type JsonSchema, schemaOf } from './admin-input.js'

export interface DescribedRoute {
  readonly method: 'get' | 'post'
  /** Below `/v1/admin`, parameters as `{name}`. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly fields: readonly AdminField[]
  /** Bodies that may come, by status. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema: JsonSchema }>>
  /** Refusals beside those of every route, by status. */
  readonly refusals?: Readonly<Record<number, string>>
}

const REFUSALS = {
  400: 'A field is missing, unknown or wrong; `param` names it.',
  401: 'No token, or one that is not valid.',
  403: 'The token has no `relay:admin` in its `scope`.',
  500: 'The relay failed.',
  501: 'Not served with `WORKERS` above 1.',
}

const ERROR_SCHEMA = object({
  error: object({ type: { type: 'string' }, code: { enum: [...refusalCodes(), 'not_implemented'] }, message: { type: 'string' }, param: { type: 'string' } }, [
    'type',
    'code',
    'message',
  ]),
})

export function describeRoutes(prefix: string, routes: readonly DescribedRoute[]): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) paths[prefix + route.path] = { ...paths[prefix + route.path], [route.method]: operation(route) }
  return {
    openapi: '3.1.0',
    info: { title: 'Realtime Relay: admin API', version: '1', description: 'On the admin port. Sessions are those of the process that answers.' },
    security: [{ admin: [] }],
    paths,
    components: {
      securitySchemes: {
        admin: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token the relay would accept from a user, with `relay:admin` in its `scope`.' },
      },
      schemas: { Error: ERROR_SCHEMA },
    },
  }
}

/** Every property required unless `required` says otherwise, and no others. */
export function object(properties: Readonly<Record<string, JsonSchema>>, required: readonly string[] = Object.keys(properties)): JsonSchema {
  return { type: 'object', properties, required, additionalProperties: false }
}

function operation({ operationId, summary, fields, answers, refusals }: DescribedRoute): JsonSchema {
  const body = fields.filter((field) => field.in === 'body')
  const parameters = fields.filter((field) => field.in !== 'body').map((field) => ({ name: field.name, in: field.in, required: field.required, ...described(field) }))
  const errors = Object.entries({ ...REFUSALS, ...refusals }).map(([status, description]) => [status, { description, ...json({ $ref: '#/components/schemas/Error' }) }])
  return {
    operationId,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body.length > 0 && { requestBody: { required: true, ...json(bodySchema(body)) } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, { description, schema }]) => [status, { description, ...json(schema) }])),
      ...Object.fromEntries(errors),
    },
  }
}

function bodySchema(fields: readonly AdminField[]): JsonSchema {
  const properties = Object.fromEntries(fields.map((field) => [field.name, { ...schemaOf(field), description: field.description }]))
  return object(
    properties,
    fields.filter((field) => field.required).map((field) => field.name),
  )
}

function described(field: AdminField): { description: string; schema: JsonSchema } {
  return { description: field.description, schema: schemaOf(field) }
}

function json(schema: JsonSchema): { content: JsonSchema } {
  return { content: { 'application/json': { schema } } }
}
