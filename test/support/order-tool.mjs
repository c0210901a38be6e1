// A code tool for the tests.
export function lookupOrder({ order_id }, { identity }) {
  return `order ${order_id} of ${identity.subject} is on its way`
}
