// An identity provider on loopback: its key set over HTTP, a discovery document, keys that are rotated, and tokens signed with them.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

/** A claim that is undefined is left out. */
export type Claims = Readonly<Record<string, unknown>>

/** How a token is signed, if not as the issuer does. */
export interface Signing {
  /** `next` is published by a rotation, `encryption` stands in the set for another use, `foreign` stands in no set. */
  readonly key?: 'current' | 'next' | 'encryption' | 'foreign'
  readonly kid?: string
  readonly alg?: string
  readonly typ?: string
}

export interface LocalIssuer {
  /** `http://127.0.0.1:port` */
  readonly origin: string
  sign(claims: Claims, signing?: Signing): Promise<string>
  /** Publishes the next key beside the current one, and signs with it. */
  rotate(): void
  /** Answers every path but the discovery document's; `undefined` the key set again. */
  answerWith(answer: { readonly status: number; readonly body: string; readonly location?: string } | undefined): void
  close(): void
}

export interface IssuerForm {
  /** Path of the key set. */
  readonly keysPath: string
  /** What the discovery document says of the issuer, and where it lies. */
  readonly discovery?: { readonly path: string; readonly issuer: string }
  /** How a signing key stands in the set. */
  readonly entry: (key: JWK, kid: string) => JWK
  readonly hasEncryptionKey?: boolean
}

interface Pair {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

async function pair(kid: string): Promise<Pair> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  return { kid, privateKey, jwk: await exportJWK(publicKey) }
}

/** Making RSA keys takes a while, so all issuers of a suite have the same. */
let made: Promise<Readonly<Record<'current' | 'next' | 'encryption' | 'foreign', Pair>>> | undefined

async function makeKeys() {
  const [current, next, encryption, foreign] = await Promise.all([pair('key-1'), pair('key-2'), pair('key-enc'), pair('key-1')])
  return { current, next, encryption, foreign }
}

export async function startIssuer(form: IssuerForm): Promise<LocalIssuer> {
  made ??= makeKeys()
  const keys = await made
  let published: readonly Pair[] = [keys.current]
  let current: 'current' | 'next' = 'current'
  let answer: { readonly status: number; readonly body: string; readonly location?: string } | undefined
  const keySet = () => ({
    keys: [
      ...(form.hasEncryptionKey ? [{ ...keys.encryption.jwk, kid: keys.encryption.kid, use: 'enc', alg: 'RSA-OAEP' }] : []),
      ...published.map(({ jwk, kid }) => form.entry(jwk, kid)),
    ],
  })
  const server = createServer((request, response) => {
    const json = (body: unknown) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (form.discovery && request.url === form.discovery.path) return json({ issuer: form.discovery.issuer, jwks_uri: `${origin}${form.keysPath}` })
    if (answer) return response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location }).end(answer.body)
    return request.url === form.keysPath ? json(keySet()) : response.writeHead(404, { 'content-type': 'text/html' }).end('<html>not here</html>')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    sign(claims, { key = current, kid, alg = 'RS256', typ = 'JWT' } = {}) {
      const used = keys[key]
      const header = { alg, typ, kid: kid ?? used.kid }
      // The public key, which everybody can read, as if it were a shared secret.
      if (alg === 'HS256') return new SignJWT({ ...claims }).setProtectedHeader(header).sign(new TextEncoder().encode(JSON.stringify(used.jwk)))
      return alg === 'RS256' ? new SignJWT({ ...claims }).setProtectedHeader(header).sign(used.privateKey) : resigned(claims, header, used)
    },
    rotate() {
      published = [keys.current, keys.next]
      current = 'next'
    },
    answerWith(next) {
      answer = next
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Signed well, with another hash. */
async function resigned(claims: Claims, header: { readonly alg: string }, { privateKey }: Pair): Promise<string> {
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', privateKey)
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSASSA-PKCS1-v1_5', hash: `SHA-${header.alg.slice(2)}` }, false, ['sign'])
  return new SignJWT({ ...claims }).setProtectedHeader(header).sign(key)
}
