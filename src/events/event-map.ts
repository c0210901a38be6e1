// How a table of events becomes types: each row's fields, with the name of the event and its id in front.

/** One object type instead of an intersection, so that an editor shows its fields. */
type Flat<T> = { [K in keyof T]: T[K] }

/** Events that a client sends, by name. `event_id` is the client's own, at most 512 characters; an `error` about the event repeats it. */
export type Sent<Rows> = { [T in keyof Rows]: Flat<{ type: T; event_id?: string } & Rows[T]> }

/** Events that a client receives, by name. `event_id` is the sender's, and good for logs alone. */
export type Received<Rows> = { [T in keyof Rows]: Flat<{ type: T; event_id: string } & Rows[T]> }
