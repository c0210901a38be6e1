// The command `init`: writes a commented file of settings to start from, for Azure, OpenAI or the simulator.
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { UsageError } from './commands.js'

export const INIT_KINDS = ['azure', 'openai', 'simulator'] as const
export type InitKind = (typeof INIT_KINDS)[number]

/** Readable by this user alone, since it holds a secret. */
const MODE = 0o600

const UPSTREAM: Readonly<Record<InitKind, string>> = {
  azure: `# The Azure OpenAI resource: "Keys and Endpoint" in the portal has endpoint and key, "Deployments" has the deployment's name.
# The full target URI of the deployment works as the endpoint too.
AZURE_OPENAI_ENDPOINT=
AZURE_OPENAI_DEPLOYMENT=
# Leave the key empty to use Entra ID: managed identity, workload identity, or az login.
AZURE_OPENAI_API_KEY=
`,
  openai: `# The OpenAI key: https://platform.openai.com/api-keys
OPENAI_API_KEY=
OPENAI_MODEL=gpt-realtime
`,
  simulator: `# The simulated Azure on this machine. Start it first: npx realtime-relay simulate --port 9100
AZURE_OPENAI_ENDPOINT=http://localhost:9100
AZURE_OPENAI_DEPLOYMENT=simulated
AZURE_OPENAI_API_KEY=simulator-key
`,
}

/** What is still to be filled in, if anything. */
const TO_FILL: Readonly<Record<InitKind, string | undefined>> = { azure: 'AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_DEPLOYMENT', openai: 'OPENAI_API_KEY', simulator: undefined }

/** Never replaces a file without `force`. Throws a `UsageError` if it may not. */
export function init(options: { readonly kind: InitKind; readonly file: string; readonly force: boolean }, print: (line: string) => void): void {
  const { kind, file, force } = options
  try {
    // Opening with `wx` looks and creates in one step. The mode counts for a new file only, so an old one is closed to others first.
    if (force && existsSync(file)) chmodSync(file, MODE)
    writeFileSync(file, settings(kind), { mode: MODE, flag: force ? 'w' : 'wx' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'EEXIST') throw new UsageError(`${file} is there already, and nothing was written. Choose another name with --file, or overwrite it with --force.`, 'init')
    throw new UsageError(`${file} cannot be written (${code || 'unknown error'}).`, 'init')
  }
  const fill = TO_FILL[kind]
  print(`Wrote ${file}, which only you may read. Keep it out of version control.`)
  print('')
  print('Next:')
  if (fill) print(`  1. Fill in ${fill}.`)
  else print('  1. npx realtime-relay simulate --port 9100')
  print(`  2. npx realtime-relay check --env-file ${file}`)
  print(`  3. npx realtime-relay serve --env-file ${file}`)
  print(`  4. npx realtime-relay token --sub alice --env-file ${file}`)
}

function settings(kind: InitKind): string {
  return `# Settings of Realtime Relay. Each is explained in deploy/configuration.md. An empty value counts as unset.
# Read with: npx realtime-relay serve --env-file .env

# --- The model ---
${UPSTREAM[kind]}
# --- Who may come in ---
# The secret that signs your users' tokens (HS256). Your back end needs the same. This one was made for this file.
JWT_SECRET=${randomBytes(36).toString('base64url')}
# For tokens of an identity provider, leave JWT_SECRET empty and set these three instead; deploy/identity.md has them for several.
#JWKS_URL=https://login.example.com/keys
#JWT_ISSUER=https://login.example.com/
#JWT_AUDIENCE=realtime-relay
# Pages that may connect: exact origins, comma separated. Without it, no browser page may.
ALLOWED_ORIGINS=http://localhost:3000

# --- What a session is ---
INSTRUCTIONS="You are a friendly voice assistant. Answer in one or two short sentences."
# Tools that the relay runs: src/tools/README.md
#TOOLS_FILE=tools.json

# --- Running it ---
#PORT=8080
# Needed as soon as there are several relays or WORKERS.
#REDIS_URL=redis://localhost:6379
# In a company's network:
#HTTPS_PROXY=http://proxy.example.com:8080
#NO_PROXY=localhost,.internal
`
}
