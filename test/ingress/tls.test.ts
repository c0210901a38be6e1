// Certificate files: checked at start and reloaded when they change. A bad pair never replaces a good one.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, connect as tlsConnect } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tlsOptions, watchTls } from '../../src/ingress/tls.js'

const support = (name: string): string => new URL(`../support/tls/localhost-${name}.pem`, import.meta.url).pathname
let folder: string
let files: { certFile: string; keyFile: string }
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-tls-'))
  files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') }
  copyFileSync(support('cert'), files.certFile)
  copyFileSync(support('key'), files.keyFile)
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('tlsOptions', () => {
  it('names the setting that is wrong', () => {
    expect(tlsOptions(files).minVersion).toBe('TLSv1.2')
    expect(() => tlsOptions({ ...files, certFile: join(folder, 'none.pem') })).toThrow(/- TLS_CERT_FILE names a file that does not exist$/)
    expect(() => tlsOptions({ ...files, keyFile: join(folder, 'none.pem') })).toThrow(/- TLS_KEY_FILE names a file that does not exist$/)
    writeFileSync(files.keyFile, 'nonsense')
    expect(() => tlsOptions(files)).toThrow(/- TLS_KEY_FILE holds no PEM private key/)
    writeFileSync(files.keyFile, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
    expect(() => tlsOptions(files)).toThrow(/- TLS_KEY_FILE does not belong/)
  })
})

describe('watchTls', () => {
  it('serves the new certificate after a change, and keeps the old one if the new one is bad', async () => {
    const server = createServer({ ...tlsOptions(files) }, (socket) => socket.end())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const fingerprint = async (): Promise<string> => {
      const socket = tlsConnect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      const found = socket.getPeerCertificate().fingerprint256
      socket.destroy()
      return found
    }
    const reports: string[] = []
    let wake: () => void = () => {}
    const stop = watchTls(
      files,
      server,
      (result) => {
        reports.push(result)
        wake()
      },
      20,
    )
    const reported = (result: string): Promise<void> =>
      new Promise((resolve) => {
        wake = () => {
          if (reports.includes(result)) resolve()
        }
        wake()
      })
    const before = await fingerprint()
    writeFileSync(files.certFile, 'half written')
    await reported('kept the old certificate')
    expect(await fingerprint()).toBe(before)
    reports.length = 0
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
        '-keyout',
        files.keyFile,
        '-out',
        files.certFile,
      ],
      { stdio: 'ignore' },
    )
    await reported('reloaded')
    expect(await fingerprint()).not.toBe(before)
    stop()
    server.close()
    await once(server, 'close')
  })
})
