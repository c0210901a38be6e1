// What Azure's services prove of themselves before a request of theirs is read. Types only.

/** Proofs of Azure Communication Services and of Event Grid. Each rejects with a `RefusalError` (`unauthenticated`) whose `why` is one fixed word. */
export interface CarrierTokens {
  /** Callbacks and media sockets: a token of the service, for our resource. It names no call, so it says nothing about which call is meant. */
  checkCall(authorization: readonly string[] | undefined): Promise<void>
  /** Deliveries of events: a secret of ours in the query, or a token of our own tenant. */
  checkDelivery(request: { readonly authorization: readonly string[] | undefined; readonly query: URLSearchParams }): Promise<void>
}
