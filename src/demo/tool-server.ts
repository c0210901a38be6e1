// A small HTTP back end on loopback for the demo's tools: the time and the weather of a city.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const MAX_BODY_BYTES = 16 * 1024
const WEATHER = ['sunny', 'partly cloudy', 'overcast', 'light rain', 'windy', 'foggy'] as const
/** Popular cities that have no time zone of their own name. */
const ZONES: Readonly<Record<string, string>> = {
  seattle: 'America/Los_Angeles',
  redmond: 'America/Los_Angeles',
  'san francisco': 'America/Los_Angeles',
  boston: 'America/New_York',
  washington: 'America/New_York',
  munich: 'Europe/Berlin',
  hamburg: 'Europe/Berlin',
  barcelona: 'Europe/Madrid',
  milan: 'Europe/Rome',
  beijing: 'Asia/Shanghai',
  mumbai: 'Asia/Kolkata',
  delhi: 'Asia/Kolkata',
  osaka: 'Asia/Tokyo',
}

/** Listens on a free port of 127.0.0.1: `GET /time?city=` and `POST /weather {"city"}`, both answering JSON. The weather is made up from the city's name. */
export async function startDemoToolServer(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer({ requestTimeout: 5000, headersTimeout: 5000 }, (request, response) => {
    answer(request, response).catch(() => send(response, 400, { error: 'bad request' }))
  })
  server.maxConnections = 64
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (request.method === 'GET' && url.pathname === '/time') send(response, 200, timeIn(url.searchParams.get('city') ?? ''))
  else if (request.method === 'POST' && url.pathname === '/weather') send(response, 200, weatherIn(await cityOf(request)))
  else send(response, 404, { error: 'not found' })
}

function send(response: ServerResponse, status: number, body: object): void {
  if (!response.headersSent) response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function cityOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw new Error('body too long')
    chunks.push(chunk)
  }
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  const city = typeof body === 'object' && body !== null && 'city' in body ? body.city : undefined
  if (typeof city !== 'string') throw new Error('no city')
  return city
}

function timeIn(city: string): object {
  const zone = zoneOf(city)
  if (!zone) return { city, note: 'The demo does not know the time zone of this city.' }
  const time = new Intl.DateTimeFormat('en-GB', { timeZone: zone, weekday: 'long', hour: '2-digit', minute: '2-digit' }).format(new Date())
  return { city, time, time_zone: zone }
}

function zoneOf(city: string): string | undefined {
  const wanted = city.trim().toLowerCase()
  if (Object.hasOwn(ZONES, wanted)) return ZONES[wanted]
  return Intl.supportedValuesOf('timeZone').find((zone) => zone.split('/').at(-1)?.replaceAll('_', ' ').toLowerCase() === wanted)
}

function weatherIn(city: string): object {
  let sum = 0
  for (const character of city.toLowerCase()) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 100_003
  return { city, condition: WEATHER[sum % WEATHER.length], temperature_celsius: 4 + (sum % 27), note: 'Sample data of the demo.' }
}
