// The demo's module tool: looks up an order in sample data that is made from its number.
import type { Tool } from '../tools/tool.js'

const STATES = ['is being packed', 'was handed to the carrier', 'is out for delivery', 'was delivered'] as const

/** The same number always gives the same order. Answers in a sentence, since the caller will hear it. */
export const lookupOrder: Tool<{ readonly order_id: string }> = ({ order_id: id }, { identity }) => {
  const digits = id.replace(/\D/g, '')
  if (digits === '' || digits.length > 12) return `There is no order ${id.slice(0, 40)}. An order number has 1 to 12 digits.`
  const number = Number(digits)
  const state = STATES[number % STATES.length]
  const items = 1 + (number % 5)
  const owner = typeof identity.claims.name === 'string' ? identity.claims.name : identity.subject
  return `Order ${digits} of ${owner} (${items} ${items === 1 ? 'item' : 'items'}) ${state}. This is sample data of the demo.`
}
