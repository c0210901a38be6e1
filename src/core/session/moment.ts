// The moments of a turn that are timed, without a word of what was said.

export type Moment =
  /** Voice detection hears the user. */
  | { readonly what: 'speech_started' }
  /** `answered`: an answer comes without a request of the client. */
  | { readonly what: 'speech_stopped'; readonly itemId: string; readonly answered: boolean }
  /** Undefined: the client's own commit goes upstream. */
  | { readonly what: 'committed'; readonly itemId: string | undefined }
  | { readonly what: 'transcribed'; readonly itemId: string }
  /** The client wants an answer, and will get one, as far as the relay knows. */
  | { readonly what: 'response_asked' }
  /** It will not. */
  | { readonly what: 'response_refused' }
  /** Also of one that may never be shown since it only calls tools, but not of the line that is said while a tool takes long. */
  | { readonly what: 'response_created'; readonly responseId: string }
  /** The service begins to send the sound of a WebRTC call's answer, past the relay. */
  | { readonly what: 'playback_started'; readonly responseId: string }
  /** `goesOn`: it called tools, and another response answers their results. */
  | { readonly what: 'response_done'; readonly responseId: string; readonly end: 'completed' | 'interrupted' | 'failed' | 'filtered'; readonly goesOn: boolean }
  /** `by`: who runs it. */
  | { readonly what: 'tool_started' | 'tool_finished'; readonly by: 'relay' | 'client' }
  /** The client says how much of an answer was heard. */
  | { readonly what: 'truncated' }
