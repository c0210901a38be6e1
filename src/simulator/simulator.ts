// Starts a local server that speaks the protocol of Azure OpenAI Realtime or OpenAI and answers without a model.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { type Control, type Controlled, startControl } from './control.js'
import { createDialRate } from './dial-rate.js'
import { errorFields } from './error-events.js'
import type { Asked, EndFault, Faults } from './faults.js'
import { answerHttp, refusedByFault, refuseUpgrade } from './http-answers.js'
import { createChance } from './ids.js'
import { createJournal, type Journal } from './journal.js'
import { createLink } from './link.js'
import { createOpenSessions } from './open-sessions.js'
import type { Simulator, SimulatorOptions } from './options.js'
import { createRateLimits } from './rate-limits.js'
import { createRecorder } from './recorder.js'
import { loadScript } from './script-file.js'
import { createSipCalls } from './sip/calls.js'
import { decideUpgrade } from './upgrade.js'
import { createCalls } from './webrtc/calls.js'
import { createCallRoutes } from './webrtc/routes.js'

export type { Asked, EndFault, Faults, Garbage } from './faults.js'
export type { OpenCall, RateLimitStyle, ReceivedSession, SessionConversation, SessionEnd, Simulator, SimulatorOptions, Style } from './options.js'
export type { ScriptAnswer, ScriptCondition, ScriptDocument, ScriptStep } from './script.js'
export type { ScriptSource } from './script-file.js'

/** Enough for an event with 15 MiB of audio as base64. */
const MAX_PAYLOAD_BYTES = 21 * 1024 * 1024
const MAX_HEADER_BYTES = 64 * 1024
const PING_MS = 20_260
const DEFAULT_TOKENS_PER_MINUTE = 100_000
const TOO_MANY_DIALS = { code: '429', message: 'Requests have exceeded the call rate limit of your current pricing tier. Please retry later.' }

/** Rejects when the port is taken. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  let faults: Faults = options.faults ?? {}
  let script = options.script === undefined ? undefined : loadScript(options.script)
  let refusals = 0
  let ends = 0
  let opened = 0
  const dials = createDialRate(options.dialsPerMinute)
  const log = options.log ?? (() => {})
  const sockets = new Set<Socket>()
  const recorder = createRecorder(options.record ?? 1000)
  const journal = options.control && createJournal()
  const limits = createRateLimits(options.rateLimits ?? (options.style === 'openai' ? 'tokens' : false), options.tokensPerMinute ?? DEFAULT_TOKENS_PER_MINUTE)
  const setFaults = (next: Faults) => {
    faults = next
    refusals = 0
    ends = 0
    for (const session of [...sessions.live]) session.faultsChanged()
  }
  const refusal = (asked: Asked): Faults['refuse'] => {
    const { refuse } = faults
    if (!refuse || (refuse.at ?? asked) !== asked || refusals >= (refuse.times ?? Number.POSITIVE_INFINITY)) return undefined
    refusals++
    return refuse
  }
  const nextChance = () => createChance(options.seed === undefined ? undefined : options.seed + opened++)
  const sessions = createOpenSessions({
    recorder,
    journal,
    options,
    limits,
    faults: () => faults,
    setFaults,
    script: () => script,
    mayEnd: (fault: EndFault) => ends++ < (fault.times ?? Number.POSITIVE_INFINITY),
  })
  const calls = createCalls(options, sessions, nextChance, () => faults)
  const sip = createSipCalls(sessions, nextChance, () => faults)
  const openCalls = () => [...calls.open(), ...sip.open()]
  const routes = createCallRoutes({ options, calls, sip, nextChance, hangs: () => faults.hang === true, refusal, takeDial: dials.take })
  const webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_PAYLOAD_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: (names) => (names.has('realtime') ? 'realtime' : false),
  })
  const server: Server = options.tls ? createTlsServer({ ...options.tls, maxHeaderSize: MAX_HEADER_BYTES }) : createServer({ maxHeaderSize: MAX_HEADER_BYTES })
  server.on('request', (request, response) => {
    const url = parseTarget(request.url)
    if (!url || !routes.take(request, response, url)) answerHttp(request, response, { faults: () => faults, setFaults })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined)
    if (faults.hang) return void socket.resume().on('end', () => socket.end())
    const url = parseTarget(request.url)
    if (!url) return refuseUpgrade(socket, 400, { code: '400', message: 'Bad request' })
    const refuse = refusal(url.searchParams.has('call_id') ? 'sideband' : 'dial')
    if (refuse) return refusedByFault(socket, refuse, url, request.headers)
    const waitSeconds = dials.take()
    if (waitSeconds > 0) return refuseUpgrade(socket, 429, TOO_MANY_DIALS, { 'retry-after': String(waitSeconds) })
    const decision = decideUpgrade(url, request.headers, options)
    log(`upgrade ${url.pathname} ${decision.kind === 'refuse' ? decision.status : 101}`)
    if (decision.kind === 'attach' && !calls.has(decision.callId) && !sip.has(decision.callId))
      return refuseUpgrade(socket, 404, { code: 'NotFound', message: 'The call does not exist.' })
    if (decision.kind === 'refuse') return refuseUpgrade(socket, decision.status, { code: decision.code, message: decision.message })
    // As with the service, the handshake fails for a client that offers only its credential as subprotocol.
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const tcp = options.tls ? connectionOf(request, sockets) : request.socket
      if (decision.kind === 'attach') return (sip.has(decision.callId) ? sip : calls).attach(decision.callId, { socket: webSocket, tcp, stream: socket })
      const chance = nextChance()
      if (decision.kind === 'reject') {
        webSocket.on('error', () => undefined)
        webSocket.send(JSON.stringify({ type: 'error', event_id: chance.newId('event'), ...errorFields(decision.problem, null) }))
        webSocket.close(decision.closeCode, decision.reason)
        return
      }
      const { session, ended } = sessions.open({
        ...decision,
        target: request.url ?? '/',
        headers: request.headers,
        chance,
        openLink: (hooks) => createLink({ ...hooks, socket: webSocket, tcp, stream: socket }),
      })
      webSocket.on('message', (data, isBinary) => session.receive(isBinary ? '' : String(data), isBinary))
      webSocket.on('close', ended)
    })
  })
  server.on('clientError', (_error, socket) => socket.destroy())

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
  server.on('error', (error) => log(`server error: ${error.message}`))
  const pings = setInterval(() => {
    for (const session of sessions.live) session.ping()
  }, PING_MS)
  pings.unref()

  const control = await (journal && controlOf(journal))?.catch((error: unknown) => {
    clearInterval(pings)
    server.close()
    throw error
  })
  function controlOf(kept: Journal): Promise<Control> {
    const controlled: Controlled = {
      journal: kept,
      faults: () => faults,
      setFaults,
      setScript: (next) => {
        script = next
      },
      items: (id) => recorder.conversations().find((one) => one.sessionId === id)?.items,
      calls: openCalls,
      inject: sessions.inject,
      endSessions: sessions.dropAll,
    }
    return startControl(controlled, { port: options.control?.port ?? 0, host: options.control?.host ?? '127.0.0.1' })
  }

  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `${options.tls ? 'https' : 'http'}://${shownHost(options.host)}:${port}`,
    ...(control && { controlUrl: control.url }),
    sessions: () => sessions.live.size,
    calls: openCalls,
    ringBySip: sip.ring,
    inject: sessions.inject,
    received: recorder.sessions,
    conversations: recorder.conversations,
    setFaults,
    setScript: (next) => {
      script = next === undefined ? undefined : loadScript(next)
    },
    close: () =>
      new Promise((resolve) => {
        clearInterval(pings)
        sip.close()
        sessions.dropAll()
        sessions.forgetAll()
        server.close(() => resolve(Promise.all([control?.close(), calls.release()]).then(() => undefined)))
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** The TCP connection, even under TLS: only it can be reset. */
function connectionOf(request: IncomingMessage, sockets: ReadonlySet<Socket>): Socket {
  const { remotePort, remoteAddress } = request.socket
  for (const socket of sockets) if (socket.remotePort === remotePort && socket.remoteAddress === remoteAddress) return socket
  return request.socket
}

/** A wildcard address is shown as loopback. */
function shownHost(host: string | undefined): string {
  if (host === undefined || host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

function parseTarget(target: string | undefined): URL | undefined {
  return URL.canParse(`http://simulator${target ?? '/'}`) ? new URL(`http://simulator${target ?? '/'}`) : undefined
}
