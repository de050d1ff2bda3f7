// `skald store`: the store alone, on Loki's YAML and flags.

import { ConfigError, formatProblem } from '@skald/config-reading'
import { FlagError, type FlagValues, formatGoFlags, parseGoFlags } from '@skald/go-dialect'
import {
  configInForce,
  type LoadedStoreConfig,
  loadStoreConfig,
  type StoreOptions,
  startStore,
} from '@skald/store'
import { type LogFormat, type LogLevel, logFormats, logLevels, snappyCodec } from '@skald/wire'
import { createLogger } from '@skald/wire/logger'
import { version } from '@skald/wire/version'
import { stringify } from 'yaml'
import { readConfigText } from './config-file.ts'
import { waitForStopSignal } from './stop-signal.ts'
import { storeFlags } from './store-flags.ts'
import type { Terminal } from './terminal.ts'

export const storeUsage = `skald store [flags]

${formatGoFlags(storeFlags)}
`

/** A store for one machine, without tenants, on loopback only. */
export const embeddedStoreConfig = `auth_enabled: false
server:
  http_listen_address: 127.0.0.1
`

/** Runs the command until a signal stops it. Returns the exit code. */
export async function runStoreCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { flags } = parseGoFlags(argv, storeFlags)
  if (flags.version === 'true') {
    terminal.stdout.write(`skald, version ${version}\n`)
    return 0
  }
  const { loaded, warnings, authSource } = loadStore(flags, terminal)
  if (flags['verify-config'] === 'true') {
    terminal.stdout.write('config is valid\n')
    return 0
  }
  const { logLevel, logFormat } = loaded.config
  const logger = createLogger({
    level: logLevel,
    format: logFormat,
    destination: terminal.stderr,
  })
  for (const warning of warnings) logger.warn(warning)
  const store = await startStore({ loaded, logger, version, ...authSource })
  const { address } = store
  logger.info({ address, data: loaded.config.dataDir, snappy: snappyCodec() }, 'store is ready')
  const signal = await waitForStopSignal()
  logger.info({ signal }, 'store is stopping')
  await store.stop()
  return 0
}

/** A configuration with the flags applied, and notes for the operator. */
export interface StoreStart {
  readonly loaded: LoadedStoreConfig
  readonly warnings: readonly string[]
  /** Where to read who may come in again; empty if the configuration is in no file. */
  readonly authSource: Pick<StoreOptions, 'authSource'>
}

/** Reads the configuration that the flags name, and applies the flags. */
export function loadStore(flags: FlagValues, { env, stderr }: Terminal): StoreStart {
  const file = flags['config.file']
  const readMs = Date.now()
  const source =
    file === undefined
      ? { path: '(embedded default)', text: embeddedStoreConfig }
      : readConfigText(file)
  const expandsEnv = file !== undefined && flags['config.expand-env'] === 'true'
  const usedEnv = expandsEnv ? env : undefined
  const written = loadStoreConfig(source.text, source.path, usedEnv)
  const loaded = { ...written, config: { ...written.config, ...settingsOf(flags) } }
  if (flags['print-config-stderr'] === 'true') {
    stderr.write(stringify(configInForce(loaded, loaded.config.logLevel)))
  }
  const { path } = source
  const read = () => {
    const { config } = loadStoreConfig(readConfigText(path).text, path, usedEnv)
    return authOf(config, loaded.config.authEnabled, path)
  }
  authOf(written.config, loaded.config.authEnabled, path)
  return {
    loaded,
    warnings: warningsOf(loaded, path, flags),
    authSource: file === undefined ? {} : { authSource: { path, readMs, read } },
  }
}

/**
 * Returns who may come in by a file.
 * @throws ConfigError when the file and the store do not agree on whether there are tenants: without them, a client needs
 * no list of tenants and has them all.
 */
function authOf(
  { auth, authEnabled }: LoadedStoreConfig['config'],
  running: boolean,
  path: string,
): LoadedStoreConfig['config']['auth'] {
  if (!auth || authEnabled === running) return auth
  const message =
    `auth_enabled is ${authEnabled} in the file, and ${running} in the store: ` +
    'with a block auth, change the file instead of using -auth.enabled, and restart the store'
  throw new ConfigError({ path, problems: [{ line: 0, column: 0, message }] })
}

/** Returns the values of the flags. They take the place of the file's. */
function settingsOf(flags: FlagValues): Partial<LoadedStoreConfig['config']> {
  const refuse = (message: string) => {
    throw new ConfigError({ path: 'command line', problems: [{ line: 0, column: 0, message }] })
  }
  const level = flags['log.level']
  if (level !== undefined && !logLevels.includes(level as LogLevel)) {
    refuse(`-log.level must be one of debug, info, warn, error, found ${JSON.stringify(level)}`)
  }
  const format = flags['log.format'] || undefined
  if (format !== undefined && !logFormats.includes(format as LogFormat)) {
    refuse(`-log.format must be one of logfmt, json, found ${JSON.stringify(format)}`)
  }
  const { target } = flags
  if (target !== undefined && !target.split(',').includes('all')) {
    refuse(
      `-target: one process does everything, ${target} alone does not exist; write -target=all, or leave it out`,
    )
  }
  const port = flags['server.http-listen-port']
  if (port !== undefined && !isPort(Number(port))) {
    throw new FlagError(
      `invalid value "${port}" for flag -server.http-listen-port: a port is a whole number from 0 to 65535`,
    )
  }
  const given = {
    logLevel: level,
    logFormat: format,
    authEnabled: flags['auth.enabled'] && flags['auth.enabled'] === 'true',
    dataDir: flags['common.path-prefix'],
    listenAddress: flags['server.http-listen-address'],
    listenPort: port && Number(port),
    httpPathPrefix: flags['server.path-prefix']?.replace(/\/+$/, ''),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65_535
}

function warningsOf(
  { doubts, idleKeys }: LoadedStoreConfig,
  path: string,
  flags: FlagValues,
): string[] {
  const idle = idleKeys.map(({ line, message }) => `${message} (line ${line})`)
  const idleFlags = Object.keys(flags).filter(name => storeFlags[name]?.isIgnored)
  return [
    ...doubts.map(problem => formatProblem(path, problem)),
    ...(idle.length > 0 ? [`${path}: without meaning here: ${idle.join(', ')}`] : []),
    ...idleFlags.map(name => `command line: without meaning here: -${name}`),
  ]
}
