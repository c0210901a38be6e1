// Types of the messages between the primary process and its workers.

export type FromWorker =
  | { readonly type: 'ready'; readonly url: string; readonly adminUrl: string }
  | { readonly type: 'ask'; readonly id: number; readonly question: string; readonly data: unknown }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }

export type FromPrimary =
  | { readonly type: 'drain' }
  | { readonly type: 'reload' }
  | { readonly type: 'question'; readonly id: number; readonly question: string; readonly data: unknown }
  | { readonly type: 'answers'; readonly id: number; readonly values: readonly unknown[] }

/** Longest wait for the workers' answers to one question. */
export const ANSWER_MS = 1000
