// Finds what is wrong with the order of a client's events: nothing ends that did not begin, nothing ends twice, nothing stays open.
import type { ReceivedEvent } from './event-log.js'

interface OpenItem {
  readonly id: string
  readonly parts: Map<number, Set<string>>
  done: boolean
}

/** Empty if all is well. `atRest`: nothing is under way any more. */
export function orderProblems(events: readonly ReceivedEvent[], atRest = true): readonly string[] {
  const problems: string[] = []
  const responses = new Map<string, { done: boolean; readonly items: Map<string, OpenItem> }>()
  const added = new Set<string>()
  const itemDone = new Set<string>()
  const wrong = (index: number, what: string) => problems.push(`${index} ${String(events[index]?.type)}: ${what}`)
  for (const [index, event] of events.entries()) {
    const response = event.response as { id?: string; output?: { id?: string }[] } | undefined
    const item = event.item as { id: string } | undefined
    const responseId = String(event.response_id ?? response?.id ?? '')
    const known = responses.get(responseId)
    if (event.type.startsWith('response.') && event.type !== 'response.created') {
      if (!known) wrong(index, `response ${responseId} never began`)
      else if (known.done) wrong(index, `response ${responseId} is over`)
    }
    const open = known?.items.get(String(event.item_id ?? item?.id ?? ''))
    switch (event.type) {
      case 'session.created':
        if (index > 0) wrong(index, 'comes late or twice')
        break
      case 'response.created':
        if (known) wrong(index, `response ${responseId} begins twice`)
        else if ([...responses.values()].some((one) => !one.done)) wrong(index, 'another response is active')
        responses.set(responseId, { done: false, items: new Map() })
        break
      case 'response.output_item.added':
        if (open) wrong(index, `item ${item?.id} begins twice`)
        known?.items.set(item?.id ?? '', { id: item?.id ?? '', parts: new Map(), done: false })
        break
      case 'response.content_part.added':
        if (!open || open.parts.has(Number(event.content_index))) wrong(index, 'no item for it, or a part twice')
        open?.parts.set(Number(event.content_index), new Set())
        break
      case 'response.output_audio.delta':
      case 'response.output_audio_transcript.delta':
      case 'response.output_text.delta':
      case 'response.output_audio.done':
      case 'response.output_audio_transcript.done':
      case 'response.output_text.done':
      case 'response.content_part.done': {
        const part = open?.parts.get(Number(event.content_index))
        if (!part || open?.done) wrong(index, 'no open part')
        else if (part.has('response.content_part.done') || part.has(event.type)) wrong(index, 'the part is over')
        if (event.type.endsWith('.done')) part?.add(event.type)
        break
      }
      case 'response.output_item.done':
        if (!open || open.done) wrong(index, `item ${item?.id} is not open`)
        else {
          for (const part of open.parts.values()) if (!part.has('response.content_part.done')) wrong(index, 'a part is still open')
          open.done = true
        }
        break
      case 'response.done':
        for (const one of known?.items.values() ?? []) if (!one.done) wrong(index, `item ${one.id} is still open`)
        if (known) known.done = true
        break
      case 'conversation.item.added':
        if (added.has(item?.id ?? '')) wrong(index, `item ${item?.id} is added twice`)
        if (typeof event.previous_item_id === 'string' && !added.has(event.previous_item_id)) wrong(index, `follows ${event.previous_item_id}, which was never added`)
        added.add(item?.id ?? '')
        break
      case 'conversation.item.done':
        if (!added.has(item?.id ?? '') || itemDone.has(item?.id ?? '')) wrong(index, `item ${item?.id} was not added, or is done twice`)
        itemDone.add(item?.id ?? '')
        break
      default:
        break
    }
  }
  if (atRest) {
    for (const [id, one] of responses) if (!one.done) problems.push(`response ${id} never ends`)
    for (const id of added) if (!itemDone.has(id)) problems.push(`item ${id} is never done`)
  }
  return problems
}
