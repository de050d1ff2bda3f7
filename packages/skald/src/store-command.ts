// `skald store`: the store alone, on Loki's YAML and flags.

import { ConfigError, type LoadedStoreConfig, loadStoreConfig, startStore } from '@skald/store'
import { FlagError, type FlagValues, formatGoFlags, parseGoFlags } from '@skald/wire'
import { readConfigText } from './config-file.ts'
import { createLogger } from './logger.ts'
import { waitForStopSignal } from './stop-signal.ts'
import { storeFlags } from './store-flags.ts'
import type { Terminal } from './terminal.ts'
import { readVersion } from './version.ts'

export const storeUsage = `skald store [flags]

${formatGoFlags(storeFlags)}
`

/** A store for one machine: no tenants, answers on loopback only. */
export const embeddedStoreConfig = `auth_enabled: false
server:
  http_listen_address: 127.0.0.1
`

/** Runs the command until a signal ends it; returns the exit code. */
export async function runStoreCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { flags } = parseGoFlags(argv, storeFlags)
  if (flags.version === 'true') {
    terminal.stdout.write(`skald, version ${readVersion()}\n`)
    return 0
  }
  const loaded = loadStore(flags, terminal)
  if (flags['verify-config'] === 'true') {
    terminal.stdout.write('config is valid\n')
    return 0
  }
  const logger = createLogger(loaded.config.logLevel)
  for (const warning of loaded.warnings) logger.warn(warning)
  const store = await startStore({ loaded, logger, version: readVersion() })
  logger.info({ url: store.url, data: loaded.config.dataDir }, 'store is ready')
  const signal = await waitForStopSignal()
  logger.info({ signal }, 'store is stopping')
  await store.stop()
  return 0
}

/** Reads the configuration that the flags name, and lays the flags over it. */
export function loadStore(flags: FlagValues, { env }: Terminal): LoadedStoreConfig {
  const file = flags['config.file']
  const source =
    file === undefined
      ? { path: '(embedded default)', text: embeddedStoreConfig }
      : readConfigText(file, {
          expandEnv: flags['config.expand-env'] === 'true',
          env,
        })
  const loaded = loadStoreConfig(source.text, source.path)
  const level = flags['log.level'] ?? loaded.config.logLevel
  if (!['debug', 'info', 'warn', 'error'].includes(level)) {
    throw new ConfigError('command line', [
      { line: 1, column: 1, message: `-log.level takes debug, info, warn or error, not ${level}` },
    ])
  }
  const listenPort = Number(flags['server.http-listen-port'] ?? loaded.config.listenPort)
  if (!Number.isInteger(listenPort) || listenPort < 0 || listenPort > 65_535) {
    throw new FlagError(
      `invalid value "${listenPort}" for flag -server.http-listen-port: a port is a whole number from 0 to 65535`,
    )
  }
  const authEnabled = flags['auth.enabled']
  return {
    ...loaded,
    config: {
      ...loaded.config,
      logLevel: level,
      authEnabled: authEnabled === undefined ? loaded.config.authEnabled : authEnabled === 'true',
      dataDir: flags['common.path-prefix'] ?? loaded.config.dataDir,
      listenAddress: flags['server.http-listen-address'] ?? loaded.config.listenAddress,
      listenPort,
      httpPathPrefix: flags['server.path-prefix'] ?? loaded.config.httpPathPrefix,
    },
  }
}
