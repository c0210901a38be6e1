// Asks the relay on this host whether it lives: exit code 0 or 1, for images without a shell or curl.
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { type ProbeTarget, probeTargets } from './process/probe-target.js'

const TIMEOUT_MS = 2000

process.exitCode = 1
const probes = probeTargets().map(ask)

function ask({ url, tls }: ProbeTarget) {
  // The certificate names the public host, not this one, so it cannot be verified here. The peer is this host's own process.
  const request = tls ? httpsRequest(url, { rejectUnauthorized: false, timeout: TIMEOUT_MS }) : httpRequest(url, { timeout: TIMEOUT_MS })
  request.on('response', (response) => {
    response.destroy()
    if (response.statusCode !== 200) return
    process.exitCode = 0
    for (const probe of probes) probe.destroy()
  })
  request.on('timeout', () => request.destroy())
  request.on('error', () => undefined)
  request.end()
  return request
}
