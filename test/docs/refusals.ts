// What an operator reads about each refusal beside its codes: when it can come, what happened, and what to do.
import type { RefusalCode } from '../../src/core/protocol/errors.js'

export interface RefusalNote {
  /** `before`: there can be no WebSocket to tell it over. `both`: before the upgrade, or after it. */
  readonly when: 'before' | 'after' | 'both'
  readonly happened: string
  readonly operator: string
}

export const REFUSAL_NOTES: Readonly<Record<RefusalCode, RefusalNote>> = {
  bad_request: {
    when: 'before',
    happened: 'the request line, a header or the query is malformed or sent twice',
    operator: 'mend the client or the proxy; the log’s `why` says which part',
  },
  subprotocol_required: {
    when: 'before',
    happened: 'none of the subprotocols that the client offered is spoken here; a credential is none',
    operator: 'offer `realtime` as well, or none',
  },
  resume_unknown: {
    when: 'both',
    happened: 'a client wanted to come back, but its token is unknown, used or another caller’s, or its session is over',
    operator: 'nothing, if it is rare: it opens a new session; if not, raise `RESUME_SECONDS`, and see that it reaches the same relay',
  },
  superseded: { when: 'after', happened: 'the client came back over another connection, which has the session now', operator: 'nothing' },
  unauthenticated: {
    when: 'both',
    happened: 'no token, a bad one, or one that expired or was revoked, also during a session',
    operator:
      'read `why` in the log: `expired`, `wrong_issuer`, `wrong_audience`, `bad_signature`, `unknown_key`, `algorithm_not_allowed`, `revoked`, …; compare it with `JWT_*`; check the clocks',
  },
  ambiguous_credentials: { when: 'both', happened: 'one request has two different credentials', operator: 'let the client send one' },
  forbidden: {
    when: 'both',
    happened: 'the origin is not listed, or the token names a profile that does not exist',
    operator: 'check `ALLOWED_ORIGINS` (exact spelling; the log names the origin), `PROFILES_FILE` and the claim named by `JWT_PROFILE_CLAIM`',
  },
  not_found: {
    when: 'both',
    happened: 'there is no such path, or no such call of this caller',
    operator: 'use one of the four realtime paths; a call that is over is not found',
  },
  upgrade_required: { when: 'before', happened: 'a realtime path was asked for without WebSocket', operator: 'look for a proxy that drops `Upgrade`, or a browser tab' },
  content_blocked: {
    when: 'after',
    happened: 'guards blocked what was typed; the session ends only at `maxBlocks`',
    operator: '`relay_guard_trips_total` shows guard and category; the log has them by session',
  },
  event_not_allowed: {
    when: 'after',
    happened: 'policy does not allow a client’s event or field; the session closes only after many of them',
    operator: '`relay_events_refused_total` shows the type; change `CLIENT_MAY_SET` or the client',
  },
  bad_event: { when: 'after', happened: 'an event is not JSON, too deep, binary, or has a key twice', operator: 'mend the client' },
  rate_limited: {
    when: 'both',
    happened: '`CONNECTS_PER_SECOND`, a quota per minute, or the deployment’s own limit (HTTP 429)',
    operator: 'the log’s `why` says which; raise the limit, add to `UPSTREAMS`, or wait for as long as the hint says',
  },
  too_many_sessions: {
    when: 'both',
    happened: '`process_full` (`MAX_SESSIONS`) or `subject_full` (`MAX_SESSIONS_PER_USER`)',
    operator: 'scale out, or close the user’s other tabs; places of a crashed relay come back by themselves',
  },
  idle: { when: 'after', happened: 'nothing happened for `IDLE_TIMEOUT_SECONDS`', operator: 'normal' },
  session_over: {
    when: 'after',
    happened: 'the session reached `MAX_SESSION_SECONDS` or the upstream’s own limit, or an operator ended it (`ended_by_operator`)',
    operator: 'normal; the client opens a new one',
  },
  budget_spent: {
    when: 'after',
    happened: 'a quota of the user’s profile per day, month or session is used up (`limits.quota` in `PROFILES_FILE`); the running answer finishes',
    operator: 'raise the quota, or leave it: the user reads what is left at `GET /v1/quota`',
  },
  foreign_control: {
    when: 'after',
    happened: 'the caller of a WebRTC call controlled it past the relay, more often than is tolerated; the call was hung up',
    operator: 'see [WebRTC calls](#webrtc-calls): the log’s `why` says what; use `media-only` if the client needs no data channel',
  },
  slow_client: {
    when: 'after',
    happened: 'the client took nothing for `SLOW_CLIENT_SECONDS`',
    operator: 'check its network, or a paused tab; see [slow clients](../../../deploy/run-book.md#slow-clients)',
  },
  message_too_big: { when: 'both', happened: 'a message is above `MAX_MESSAGE_BYTES`', operator: 'send smaller audio frames or images' },
  upstream_refused: {
    when: 'both',
    happened: 'the upstream said 401, 403, 404 or another refusal, or did not run the session as asked',
    operator: 'run `realtime-relay check`; check role, key, deployment name, region, API version',
  },
  upstream_lost: {
    when: 'after',
    happened: 'the upstream’s connection broke during a session, or it stopped reading, and could not be replaced within `UPSTREAM_RECONNECT_SECONDS`',
    operator: 'check the status of Azure, and proxies on the way out; see [lost upstreams](../../../deploy/run-book.md#lost-upstreams)',
  },
  upstream_timeout: { when: 'both', happened: 'no connection, or no configured session, in time', operator: 'check DNS, egress rules and the status of Azure' },
  overloaded: {
    when: 'both',
    happened: 'memory is nearly full: `MAX_MEMORY_BYTES`, or 90 % of V8’s heap',
    operator: 'scale out, or lower `MAX_SESSIONS` or `CLIENT_BUFFER_BYTES`; see [memory](../../../deploy/run-book.md#memory)',
  },
  audit_unavailable: {
    when: 'before',
    happened: '`AUDIT_REQUIRED` is true, and the audit cannot be written',
    operator:
      'look at the folder of `AUDIT_DIR` and its disk; the log line `the audit cannot be written` has the system’s code; see [the audit](../../../deploy/audit.md#operating-it)',
  },
  draining: { when: 'both', happened: 'this relay is stopping', operator: 'normal during a rollout; the client reconnects' },
  internal: { when: 'both', happened: 'the relay failed', operator: 'the log line beside it has the place; please report it' },
}
