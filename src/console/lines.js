// The lines of the conversation: one for each item, note or problem, which grows or is said anew under its id.

/** `onFirst` hears that there is a line now. */
export function lineList(list, onFirst) {
  const rows = new Map()

  return function line(id, role, text, replace = false) {
    let row = rows.get(id)
    if (!row) {
      row = document.createElement('li')
      row.className = role
      rows.set(id, row)
      list.append(row)
      onFirst()
    }
    row.textContent = replace ? text : row.textContent + (text ?? '')
    row.scrollIntoView({ block: 'nearest' })
  }
}
