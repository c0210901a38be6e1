// Says a rule as JSON Schema, for editors that complete and check a file.
import type { Json, JsonObject } from '../core/protocol/events.js'
import type { Rule } from './validate.js'

export function schemaOf(rule: Rule): JsonObject {
  switch (rule.is) {
    case 'any':
      return {}
    case 'boolean':
      return { type: 'boolean' }
    case 'string':
      return { type: 'string', maxLength: rule.max }
    case 'enum':
      return { enum: [...rule.values] }
    case 'integer':
    case 'decimal':
      return { type: rule.is === 'integer' ? 'integer' : 'number', minimum: rule.min, ...(Number.isFinite(rule.max) && { maximum: rule.max }) }
    case 'array':
      return { type: 'array', items: schemaOf(rule.of), maxItems: rule.max }
    case 'map':
      return { type: 'object', additionalProperties: schemaOf(rule.of), maxProperties: rule.max }
    case 'object':
      return { type: 'object', properties: schemasOf(rule.fields), required: [...rule.required], additionalProperties: false }
    case 'nullable':
      return { anyOf: [schemaOf(rule.rule), { type: 'null' }] }
    case 'tagged':
      return {
        type: 'object',
        anyOf: Object.entries(rule.cases).map(([name, inner]): Json => ({ ...schemaOf(inner), properties: { ...properties(inner), [rule.tag]: { const: name } } })),
      }
    case 'keyed':
      return { type: 'object', oneOf: Object.entries(rule.cases).map(([name, inner]): Json => ({ ...schemaOf(inner), required: [name] })) }
    case 'stringOr':
      return { anyOf: [schemaOf(rule.string), schemaOf(rule.other)] }
  }
}

function properties(rule: Rule): JsonObject {
  return rule.is === 'object' ? schemasOf(rule.fields) : {}
}

function schemasOf(fields: Readonly<Record<string, Rule>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).map(([name, rule]) => [name, schemaOf(rule)]))
}
