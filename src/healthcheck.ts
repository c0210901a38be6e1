// Asks the relay on this host whether it lives: exit code 0 or 1, for images without a shell or curl.
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { probeTarget } from './process/probe-target.js'

const TIMEOUT_MS = 2000

const { url, tls } = probeTarget()
// The certificate names the public host, not this one, so it cannot be verified here. The peer is this host's own process.
const request = tls ? httpsRequest(url, { rejectUnauthorized: false, timeout: TIMEOUT_MS }) : httpRequest(url, { timeout: TIMEOUT_MS })
process.exitCode = 1
request.on('response', (response) => {
  process.exitCode = response.statusCode === 200 ? 0 : 1
  response.destroy()
})
request.on('timeout', () => request.destroy())
request.on('error', () => undefined)
request.end()
