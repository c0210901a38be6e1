// What was said and done in a session, for spans that were asked to hold it. It is no note, so neither log nor metrics can get it.

export type Content =
  /** An item that the model reads: words of the user, or a tool's result. The same item again: more is known of it now. */
  | { readonly type: 'input'; readonly itemId: string; readonly from: 'user' | 'tool'; readonly callId: string | undefined; readonly text: string }
  /** What a response said and called, as it ends. */
  | { readonly type: 'output'; readonly responseId: string; readonly parts: readonly OutputPart[] }
  /** JSON text as the model wrote it, and what it then reads. */
  | { readonly type: 'tool_arguments' | 'tool_result'; readonly callId: string; readonly text: string }

export type OutputPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_call'; readonly callId: string; readonly name: string; readonly arguments: string }

/** Never blocks, never throws. It exists only if the operator asked for content. */
export type ContentSink = (content: Content) => void
