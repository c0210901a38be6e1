// What a store says that it removed of a person.
import type { RecordStore } from '../../src/ports/records.js'

export async function erased(store: RecordStore, person: string): Promise<string[]> {
  const names: string[] = []
  for await (const name of store.erase?.(person) ?? []) names.push(name)
  return names
}
