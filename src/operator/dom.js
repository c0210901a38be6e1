// Makes and changes elements. Text always becomes text nodes, never markup.

/** `attributes`: names with texts; `true` sets one without a value. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : String(value))
  made.append(...children)
  return made
}

export const byId = (id) => document.getElementById(id)

/** Nothing is touched that would stay the same, so that a selection in it survives. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

export function setClass(node, name) {
  if (node.className !== name) node.className = name
}

/**
 * Makes the children of `parent` those of `items`, in order. A child stays as long as an item has its key. With `keepsOrder`, children that are there
 * stay where they are: a row that somebody is about to press must not move away.
 */
export function sync(parent, items, keyOf, make, update, keepsOrder = false) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]))
  const wanted = new Set()
  let before = null
  for (const item of items) {
    const key = keyOf(item)
    wanted.add(key)
    let child = known.get(key)
    const isNew = child === undefined
    if (isNew) {
      child = make(item)
      child.dataset.key = key
    }
    update(child, item)
    const place = before === null ? parent.firstElementChild : before.nextElementSibling
    if (isNew || (!keepsOrder && place !== child)) parent.insertBefore(child, place)
    before = child
  }
  for (const [key, child] of known) if (!wanted.has(key)) child.remove()
}
