// Takes from the configuration what tools are run with, for the server and for the commands that try them.
import { createIdentitySigner } from '../auth/tool-identity.js'
import type { Config } from '../config/config.js'
import { proxyFor } from '../config/proxy.js'
import type { SourceOptions } from '../tools/source-options.js'

const SILENT = { info() {}, warn() {} }

export function toolRegistryOptions(config: Config, log: SourceOptions['log'] = SILENT): SourceOptions {
  const { timeoutMs, maxBytes, logPayloads, identitySecret } = config.toolLimits
  return {
    timeoutMs,
    maxBytes,
    log,
    logPayloads,
    baseDir: process.cwd(),
    proxyFor: (url) => proxyFor(url, config.proxies),
    ...(identitySecret && { signIdentity: createIdentitySigner(identitySecret) }),
  }
}
