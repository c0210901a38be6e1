// Serves a folder of files, and the routes of the sign-in. Usage: node server.js FOLDER
import { createReadStream, realpathSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tokens } from './tokens.js'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
const root = realpathSync(process.argv[2] ?? 'public')
/** The relay's kit, as one file for pages without a bundler. */
const kit = join(fileURLToPath(import.meta.resolve('realtime-relay/browser')), '../kit.min.js')
const relay = new URL(process.env.RELAY_URL).origin

function file(request, response) {
  const path = new URL(request.url, 'http://page').pathname
  const name = path === '/kit.min.js' ? kit : join(root, path === '/' ? 'index.html' : decodeURIComponent(path))
  const inside = name === kit || name.startsWith(root + sep)
  if (request.method !== 'GET' || !inside || !statSync(name, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end()
  response.writeHead(200, {
    'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
    'content-security-policy': `default-src 'self'; connect-src 'self' ${relay}; script-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src data:`,
    'x-content-type-options': 'nosniff',
  })
  createReadStream(name).pipe(response)
}

createServer((request, response) => {
  tokens(request, response, () => file(request, response)).catch(() => response.writeHead(500).end())
}).listen(Number(process.env.PORT ?? 3000), function () {
  console.log(`http://localhost:${this.address().port}`)
})
