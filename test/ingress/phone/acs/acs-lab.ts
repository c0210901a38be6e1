// A relay's front with the routes of ACS, a desk whose sessions send a caller's sound back, and the simulated service. The official SDK stands between them.
import { randomUUID } from 'node:crypto'
import { createCarrierTokens } from '../../../../src/auth/carrier-tokens.js'
import { Secret } from '../../../../src/config/secret.js'
import type { RefusalError } from '../../../../src/core/protocol/errors.js'
import type { AcsTimes } from '../../../../src/ingress/phone/acs/calls.js'
import { type AcsControl, createAcsControl } from '../../../../src/ingress/phone/acs/control.js'
import { type AcsRoutesDeps, createAcsRoutes } from '../../../../src/ingress/phone/acs/routes.js'
import type { Link } from '../../../../src/ports/link.js'
import type { AnsweredPhoneCall, Line, MediaFraming, PhoneDesk, Ring } from '../../../../src/ports/phone.js'
import { type AcsOptions, createAcs, type SimulatedAcs } from '../../../../src/simulator/carriers/acs.js'
import { type Front, startFront } from '../../front.js'

export const SECRET = 'event-grid-secret-0123456789-abcdefghij'
export const RESOURCE_ID = '2f6a3c1e-0000-4000-8000-00000000acs1'
export const ACCESS_KEY = Buffer.from('access-key-of-the-simulated-resource-0123456789').toString('base64')
export const DELIVERY = { issuer: 'https://sts.windows.net/11111111-1111-4111-8111-111111111111/', audience: 'api://relay-calls', appId: '22222222-2222-4222-8222-222222222222' }
export const CALLER = '+14255550100'
export const CALLED = '+14255550199'

export interface DeskCall {
  readonly ring: Ring
  readonly line: Line
  readonly framing: MediaFraming
  readonly sessionId: string
  readonly keys: string[]
  readonly links: Link[]
  overs: number
  /** Its session is over. */
  end(): void
}

export interface FakeDesk extends PhoneDesk {
  readonly calls: DeskCall[]
  readonly tickets: Map<string, { readonly call: AnsweredPhoneCall; readonly ring: Ring }>
  refusal: RefusalError | undefined
  failing: 'ticket' | 'store' | undefined
  /** Another instance's: what it answered is opened here by `make`. */
  elsewhere: boolean
}

/** Sends each caller's sound back to the same caller. A second loss of the media socket ends the call, as with the real one. */
export function fakeDesk(): FakeDesk {
  const asked = new Set<string>()
  const open = (ring: Ring, line: Line, framing: MediaFraming): AnsweredPhoneCall => {
    let end: () => void = () => undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const call: DeskCall = { ring, line, framing, sessionId: randomUUID(), keys: [], links: [], overs: 0, end }
    desk.calls.push(call)
    let hasLink = false
    let losses = 0
    return {
      sessionId: call.sessionId,
      ended,
      attach(link, media) {
        if (hasLink || call.overs > 0) return false
        hasLink = true
        call.links.push(link)
        link.onClose(() => {
          hasLink = false
          if (call.overs > 0) return
          if (++losses > 1) void line.hangUp()
          else media?.onLost?.()
        })
        link.onFrame((frame, isBinary) => {
          const read = framing.read(frame, isBinary)
          if (read.type === 'audio') link.send(framing.media(read.audio))
          if (read.type === 'key') call.keys.push(read.key)
          if (read.type === 'key' && read.key === '#') link.send(framing.clear())
          if (read.type === 'bad') link.close(1007, '')
        })
        link.resume()
        return true
      },
      over() {
        call.overs++
        end()
      },
    }
  }
  const desk: FakeDesk = {
    calls: [],
    tickets: new Map(),
    refusal: undefined,
    failing: undefined,
    elsewhere: false,
    admit: () => Promise.reject(new Error('not of this carrier')),
    async answer(ring, line, framing) {
      if (desk.refusal) throw desk.refusal
      return open(ring, line, framing)
    },
    async ticketFor(call, ring) {
      if (desk.failing === 'ticket') throw new Error('no store')
      const ticket = randomUUID()
      desk.tickets.set(ticket, { call, ring })
      return ticket
    },
    async redeem(ticket, make) {
      const known = desk.tickets.get(ticket)
      desk.tickets.delete(ticket)
      if (!known || !desk.elsewhere) return known
      const { line, framing } = make(known.ring)
      return { ring: known.ring, call: open(known.ring, line, framing) }
    },
    async isFirst(key) {
      if (desk.failing === 'store') throw new Error('no store')
      if (asked.has(key)) return false
      asked.add(key)
      return true
    },
  }
  return desk
}

export interface Lab {
  readonly acs: SimulatedAcs
  readonly desk: FakeDesk
  readonly front: Front
  readonly control: AcsControl
  readonly logs: () => string
  close(): Promise<void>
}

export interface LabOptions {
  readonly acs?: Partial<AcsOptions>
  readonly times?: Partial<AcsTimes>
  /** How Event Grid proves itself. */
  readonly proof?: 'secret' | 'token'
  readonly publicUrl?: string
  readonly deps?: Partial<AcsRoutesDeps>
  /** Shared by several relays, and closed by whoever made it. */
  readonly service?: SimulatedAcs
  readonly wrapControl?: (control: AcsControl) => AcsControl
}

/** The relay's address is known only once it listens, and the service's keys before that: the routes come from what both became. */
export async function startLab({
  acs: own = {},
  times = {},
  proof = 'secret',
  publicUrl = 'https://relay.example',
  deps = {},
  service,
  wrapControl = (one) => one,
}: LabOptions = {}): Promise<Lab> {
  let relayUrl = ''
  const made = service
    ? undefined
    : await createAcs({
        get relayUrl() {
          return relayUrl
        },
        resourceId: RESOURCE_ID,
        accessKey: ACCESS_KEY,
        ...(proof === 'secret' ? { secret: SECRET } : { delivery: DELIVERY }),
        ...own,
      } as AcsOptions)
  const acs = service ?? (made as SimulatedAcs)
  const desk = fakeDesk()
  const keysUrl = new URL(acs.keysUrl)
  const eventGrid = {
    secrets: proof === 'secret' ? [new Secret('the-next-secret-0123456789-abcdefghijkl'), new Secret(SECRET)] : [],
    token: proof === 'token' ? { ...DELIVERY, keysUrl } : undefined,
  }
  const tokens = createCarrierTokens({ issuer: acs.issuer, resourceId: RESOURCE_ID, keysUrl, eventGrid }, { fetch: (url, init) => fetch(url, init), now: Date.now })
  const control = wrapControl(createAcsControl({ endpoint: new URL(acs.endpoint), accessKey: new Secret(ACCESS_KEY) }))
  const front = await startFront({
    deps: {
      phoneRoutes: (app, door) =>
        createAcsRoutes({
          desk,
          publicUrl: new URL(publicUrl),
          tokens,
          control,
          log: app.log as never,
          isOpen: () => true,
          now: Date.now,
          times: { graceMs: 30, answerMs: 1000, ...times },
          ...deps,
        })(app, door),
    },
  })
  relayUrl = front.http
  return {
    acs,
    desk,
    front,
    control,
    logs: front.logs,
    async close() {
      for (const { links } of desk.calls) for (const link of links) link.close(1001, '')
      await made?.close()
      await front.close()
    },
  }
}

/** Waits for a condition that an event of another process part brings about, and says what was waited for. */
export async function until(what: string, met: () => boolean, ms = 5000): Promise<void> {
  const end = Date.now() + ms
  while (!met()) {
    if (Date.now() > end) throw new Error(`in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Sound that no two callers share: every sample is the same number. */
export function tone(sample: number, ms: number): Buffer {
  const audio = Buffer.alloc(ms * 48)
  for (let at = 0; at < audio.length; at += 2) audio.writeInt16LE(sample, at)
  return audio
}

/** The different samples in a piece of sound, but silence. */
export function samplesIn(audio: Buffer): Set<number> {
  const found = new Set<number>()
  for (let at = 0; at + 1 < audio.length; at += 2) found.add(audio.readInt16LE(at))
  found.delete(0)
  return found
}
