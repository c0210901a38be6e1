// Shows what both sides say, as lines of the conversation.

/** True: the event was about words, and is shown. */
export function showWords(line, event) {
  switch (event.type) {
    case 'conversation.item.added':
      // Comes again if this page missed more than the relay keeps.
      if (event.item.type === 'message') line(event.item.id, event.item.role, itemText(event.item), true)
      return true
    case 'conversation.item.input_audio_transcription.completed':
      line(event.item_id, 'user', event.transcript, true)
      return true
    case 'response.output_audio_transcript.delta':
    case 'response.output_text.delta':
      line(event.item_id, 'assistant', event.delta)
      return true
    case 'response.output_audio_transcript.done':
    case 'response.output_text.done':
      line(event.item_id, 'assistant', event.transcript ?? event.text, true)
      return true
    default:
      return false
  }
}

function itemText(item) {
  return item.content.map((part) => part.text ?? part.transcript ?? '').join('')
}
