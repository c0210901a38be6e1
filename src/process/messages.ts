// What the primary process and its workers say to each other.

export type FromWorker =
  | { readonly relay: 'ready'; readonly url: string; readonly adminUrl: string }
  | { readonly relay: 'ask'; readonly id: number; readonly question: string; readonly data: unknown }
  | { readonly relay: 'answer'; readonly id: number; readonly value: unknown }

export type FromPrimary =
  | { readonly relay: 'drain' }
  | { readonly relay: 'reload' }
  | { readonly relay: 'question'; readonly id: number; readonly question: string; readonly data: unknown }
  | { readonly relay: 'answers'; readonly id: number; readonly values: readonly unknown[] }

/** Longest wait for the workers' answers to one question. */
export const ANSWER_MS = 1000
