// Serves a folder of files, and the routes of the sign-in. Usage: node server.js FOLDER
import { realpathSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { tokens } from './tokens.js'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
const root = realpathSync(process.argv[2] ?? 'public')
/** The relay's kit, as one file for pages without a bundler. */
const kit = join(fileURLToPath(import.meta.resolve('realtime-relay/browser')), '../kit.min.js')
const relay = new URL(process.env.RELAY_URL).origin

/** Nothing outside the folder, and nothing whose name begins with a dot, such as .env. */
async function file(request, response) {
  const path = decodeURIComponent(new URL(request.url, 'http://page').pathname)
  const name = path === '/kit.min.js' ? kit : join(root, path === '/' ? 'index.html' : path)
  const hidden = path.split(/[\\/]/).some((part) => part.startsWith('.'))
  const inside = name === kit || name.startsWith(root + sep)
  if (request.method !== 'GET' || hidden || !inside || !statSync(name, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end()
  const opened = await open(name)
  response.writeHead(200, {
    'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
    'content-security-policy': `default-src 'self'; connect-src 'self' ${relay}; script-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src data:`,
    'x-content-type-options': 'nosniff',
  })
  await pipeline(opened.createReadStream(), response)
}

createServer((request, response) => {
  // A file that cannot be opened or read, or a reader that goes, ends its own request alone.
  tokens(request, response, () => file(request, response)).catch(() => (response.headersSent ? response.destroy() : response.writeHead(500).end()))
}).listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? 'localhost', function () {
  console.log(`http://localhost:${this.address().port}`)
})
