// Promtail's flags: their names, types and what they set. Flags override the file, except external labels,
// where the file wins.

import { type ConfigProblem, parseYaml } from '@skald/config-reading'
import {
  type FlagValues,
  type GoFlag,
  type GoFlagKind,
  parseConfigBytes,
  parseGoDuration,
} from '@skald/go-dialect'
import { isLabelName, type LogFormat, type LogLevel, logFormats, logLevels } from '@skald/wire'
import type { ServerTls } from '../net/server-tls.ts'
import type { AgentConfig } from './agent-config.ts'
import { type ClientConfig, clientDefaults, createClientConfig } from './clients.ts'
import { readServer } from './server.ts'

const text = (description: string): GoFlag => ({ kind: 'text', description })
const boolean = (description: string): GoFlag => ({ kind: 'boolean', description })
const number = (description: string): GoFlag => ({ kind: 'number', description })
const integer = (description: string): GoFlag => ({ kind: 'integer', description })
const duration = (description: string): GoFlag => ({ kind: 'duration', description })
const ignored = (kind: GoFlagKind): GoFlag => ({ kind, description: '', isIgnored: true })

/** Every Promtail flag that the agent accepts, and `limit.gap-markers`, which is Skald's. */
export const agentFlags: Readonly<Record<string, GoFlag>> = {
  'config.file': text('Configuration file; of several, separated by commas, the first that exists'),
  'config.expand-env': boolean('Replace ${NAME} in the configuration by the environment'),
  'config.auto-reload': boolean('Read the configuration again when its file changes'),
  'check-syntax': boolean('Check the configuration and exit'),
  'dry-run': boolean('Print entries instead of sending them'),
  inspect: boolean('Print what each stage does to a line'),
  stdin: boolean('Read lines from standard input'),
  version: boolean('Print the version and exit'),
  'print-config-stderr': ignored('boolean'),
  'log-config-reverse-order': ignored('boolean'),
  'log.level': text('debug, info, warn or error'),
  'log.format': text('logfmt or json'),
  'client.url': text('Adds a client with this URL'),
  'client.batch-wait': duration('Longest wait before sending a batch'),
  'client.batch-size-bytes': integer('Bytes of lines in a batch'),
  'client.max-retries': integer('Attempts before giving up a batch; 0 for no limit'),
  'client.min-backoff': duration('First wait between attempts'),
  'client.max-backoff': duration('Longest wait between attempts'),
  'client.timeout': duration('Time limit of a request'),
  'client.external-labels': text('Labels for all entries: name=value,name2=value2'),
  'client.tenant-id': text('Tenant of the client that -client.url adds'),
  'client.drop-rate-limited-batches': boolean('Drop batches answered with 429'),
  'client.stream-lag-labels': ignored('text'),
  'positions.file': text('Positions file'),
  'positions.sync-period': duration('How often to save positions'),
  'positions.ignore-invalid-yaml': boolean('Start over if the positions file is invalid'),
  'target.sync-period': duration('How often to search for files'),
  'file-watch.min_poll_frequency': duration('Shortest time between two checks of a file'),
  'file-watch.max_poll_frequency': duration('Longest time between two checks of a file'),
  'limit.readline-rate': number('Lines per second'),
  'limit.readline-burst': integer('Lines at once'),
  'limit.readline-rate-enabled': boolean('Limit the rate of lines'),
  'limit.readline-rate-drop': boolean('Drop lines over the rate instead of waiting'),
  'max-streams': integer('Most distinct streams; 0 for no limit'),
  'max-line-size': { kind: 'bytes', description: 'Longest line; 0 for no limit' },
  'max-line-size-truncate': boolean('Cut longer lines instead of dropping them'),
  'limit.gap-markers': boolean('Push a marker into each stream that lines are missing from'),
  'tracing.enabled': ignored('boolean'),
  'server.disable': boolean('No HTTP server'),
  'server.http-listen-address': text('Address of the HTTP server'),
  'server.http-listen-port': integer('Port of the HTTP server'),
  'server.http-tls-cert-path': text('Certificate of the HTTP server'),
  'server.http-tls-key-path': text('Key of that certificate'),
  'server.http-tls-ca-path': text('CA of client certificates for the HTTP server'),
  'server.http-tls-client-auth': text('RequireAndVerifyClientCert to require client certificates'),
  'server.tls-min-version': text('Lowest TLS version, such as VersionTLS12'),
  'server.path-prefix': text('Prefix of all routes'),
  'server.enable-runtime-reload': boolean('Allow /reload'),
  'server.health-check-target': boolean('Not ready until a file is being read'),
  'server.external-url': ignored('text'),
  'server.profiling_enabled': boolean('Allow /debug/pprof and /debug/fgprof'),
  'server.http-listen-network': ignored('text'),
  'server.http-conn-limit': ignored('integer'),
  'server.http-read-timeout': ignored('duration'),
  'server.http-write-timeout': ignored('duration'),
  'server.http-idle-timeout': ignored('duration'),
  'server.graceful-shutdown-timeout': ignored('duration'),
  'server.register-instrumentation': ignored('boolean'),
  'server.grpc-listen-network': ignored('text'),
  'server.grpc-listen-address': ignored('text'),
  'server.grpc-listen-port': ignored('integer'),
  'server.grpc-conn-limit': ignored('integer'),
  'server.grpc-max-recv-msg-size-bytes': ignored('integer'),
  'server.grpc-max-send-msg-size-bytes': ignored('integer'),
  'server.grpc-max-concurrent-streams': ignored('integer'),
  'server.log-source-ips-enabled': ignored('boolean'),
  'server.log-request-headers': ignored('boolean'),
  'server.grpc-tls-ca-path': ignored('text'),
  'server.grpc-tls-cert-path': ignored('text'),
  'server.grpc-tls-client-auth': ignored('text'),
  'server.grpc-tls-key-path': ignored('text'),
  'server.grpc.keepalive.max-connection-age': ignored('duration'),
  'server.grpc.keepalive.max-connection-age-grace': ignored('duration'),
  'server.grpc.keepalive.max-connection-idle': ignored('duration'),
  'server.grpc.keepalive.min-time-between-pings': ignored('duration'),
  'server.grpc.keepalive.ping-without-stream-allowed': ignored('boolean'),
  'server.grpc.keepalive.time': ignored('duration'),
  'server.grpc.keepalive.timeout': ignored('duration'),
  'server.grpc.num-workers': ignored('integer'),
  'server.grpc.recv-buffer-pools-enabled': ignored('boolean'),
  'server.grpc.stats-tracking-enabled': ignored('boolean'),
  'server.http-log-closed-connections-without-response-enabled': ignored('boolean'),
  'server.http-read-header-timeout': ignored('duration'),
  'server.log-request-at-info-level-enabled': ignored('boolean'),
  'server.log-request-headers-exclude-list': ignored('text'),
  'server.log-source-ips-full': ignored('boolean'),
  'server.log-source-ips-header': ignored('text'),
  'server.log-source-ips-regex': ignored('text'),
  'server.proxy-protocol-enabled': ignored('boolean'),
  'server.report-grpc-codes-in-instrumentation-label-enabled': ignored('boolean'),
  'server.tls-cipher-suites': ignored('text'),
  'tracing.profiling-enabled': ignored('boolean'),
}

/** Applies the flags on top of the file's values. */
export function applyFlags(
  config: AgentConfig,
  flags: FlagValues,
  problems: ConfigProblem[],
): AgentConfig {
  const given = (name: string) => flags[name]
  const asNumber = (name: string, fallback: number) => Number(given(name) ?? fallback)
  const asBytes = (name: string, fallback: number) =>
    given(name) === undefined ? fallback : parseConfigBytes(given(name)!)
  const asMs = (name: string, fallback: number) =>
    given(name) === undefined ? fallback : Number(parseGoDuration(given(name)!)) / 1e6
  const asBoolean = (name: string, fallback: boolean) =>
    given(name) === undefined ? fallback : given(name) === 'true'
  const fail = (message: string) => problems.push({ line: 0, column: 0, message })
  const { server, positions, target, limits, fileWatch } = config
  const level = given('log.level') ?? server.logLevel
  if (!logLevels.includes(level as LogLevel)) {
    fail(`-log.level must be debug, info, warn or error, found ${JSON.stringify(level)}`)
  }
  const format = given('log.format') || server.logFormat
  if (!logFormats.includes(format as LogFormat)) {
    fail(`-log.format must be logfmt or json, found ${JSON.stringify(format)}`)
  }
  return {
    ...config,
    server: {
      ...server,
      isDisabled: asBoolean('server.disable', server.isDisabled),
      httpListenAddress: given('server.http-listen-address') ?? server.httpListenAddress,
      httpListenPort: asNumber('server.http-listen-port', server.httpListenPort),
      httpPathPrefix: given('server.path-prefix') ?? server.httpPathPrefix,
      enablesReload: asBoolean('server.enable-runtime-reload', server.enablesReload),
      enablesProfiling: asBoolean('server.profiling_enabled', server.enablesProfiling),
      checksHealth: asBoolean('server.health-check-target', server.checksHealth),
      ...tlsOfFlags(flags, fail),
      logLevel: level as LogLevel,
      logFormat: format as LogFormat,
    },
    positions: {
      filename: given('positions.file') ?? positions.filename,
      syncPeriodMs: asMs('positions.sync-period', positions.syncPeriodMs),
      ignoresInvalidYaml: asBoolean('positions.ignore-invalid-yaml', positions.ignoresInvalidYaml),
    },
    target: { ...target, syncPeriodMs: asMs('target.sync-period', target.syncPeriodMs) },
    limits: {
      isLineRateLimited: asBoolean('limit.readline-rate-enabled', limits.isLineRateLimited),
      linesPerSecond: asNumber('limit.readline-rate', limits.linesPerSecond),
      lineBurst: asNumber('limit.readline-burst', limits.lineBurst),
      dropsOverRate: asBoolean('limit.readline-rate-drop', limits.dropsOverRate),
      streamsMax: asNumber('max-streams', limits.streamsMax),
      lineBytesMax: asBytes('max-line-size', limits.lineBytesMax),
      truncatesLines: asBoolean('max-line-size-truncate', limits.truncatesLines),
      marksGaps: asBoolean('limit.gap-markers', limits.marksGaps),
    },
    fileWatch: {
      minPollMs: asMs('file-watch.min_poll_frequency', fileWatch.minPollMs),
      maxPollMs: asMs('file-watch.max_poll_frequency', fileWatch.maxPollMs),
    },
    clients: withFlagLabels([...flagClient(flags, fail), ...config.clients], flags, fail),
  }
}

function tlsOfFlags(flags: FlagValues, fail: (message: string) => void): { tls?: ServerTls } {
  const keys = [
    ['cert_file', flags['server.http-tls-cert-path']],
    ['key_file', flags['server.http-tls-key-path']],
    ['client_ca_file', flags['server.http-tls-ca-path']],
    ['client_auth_type', flags['server.http-tls-client-auth']],
  ].filter(([, value]) => value)
  const minVersion = flags['server.tls-min-version']
  const block = { http_tls_config: Object.fromEntries(keys), tls_min_version: minVersion ?? '' }
  if (keys.length === 0 && !minVersion) return {}
  const { root, problems } = parseYaml(JSON.stringify(block), 'the flags')
  const { tls } = readServer(root) ?? {}
  for (const { message } of problems) fail(`-server.http-tls-*: ${message}`)
  return tls ? { tls } : {}
}

function flagClient(flags: FlagValues, fail: (message: string) => void): ClientConfig[] {
  const urlText = flags['client.url']
  if (urlText === undefined) return []
  if (!URL.canParse(urlText)) {
    fail(`-client.url ${JSON.stringify(urlText)} is not an http or https URL`)
    return []
  }
  const ms = (name: string, fallback: number) =>
    flags[name] === undefined ? fallback : Number(parseGoDuration(flags[name])) / 1e6
  const { backoff, batchBytesMax, batchWaitMs, timeoutMs } = clientDefaults
  const bytes = flags['client.batch-size-bytes']
  return [
    createClientConfig({
      url: new URL(urlText),
      tenantId: flags['client.tenant-id'],
      batchWaitMs: ms('client.batch-wait', batchWaitMs),
      batchBytesMax: bytes === undefined ? batchBytesMax : Number(bytes),
      timeoutMs: ms('client.timeout', timeoutMs),
      followsRedirects: false,
      dropsRateLimited: flags['client.drop-rate-limited-batches'] === 'true',
      backoff: {
        minMs: ms('client.min-backoff', backoff.minMs),
        maxMs: ms('client.max-backoff', backoff.maxMs),
        attemptsMax: Number(flags['client.max-retries'] ?? backoff.attemptsMax),
      },
    }),
  ]
}

function withFlagLabels(
  clients: readonly ClientConfig[],
  flags: FlagValues,
  fail: (message: string) => void,
): readonly ClientConfig[] {
  const labelsText = flags['client.external-labels']
  if (labelsText === undefined) return clients
  const labels = new Map<string, string>()
  for (const pair of splitLabels(labelsText)) {
    const [name = '', ...value] = pair.split('=')
    if (!isLabelName(name) || value.length === 0) {
      fail(`-client.external-labels must be name=value,name2=value2, found ${JSON.stringify(pair)}`)
    }
    labels.set(name, value.join('='))
  }
  return clients.map(client => ({
    ...client,
    externalLabels: new Map([...labels, ...client.externalLabels]),
  }))
}

/**
 * Splits the label pairs of a flag. A single pair may contain any commas; in a list, quote pairs like in
 * CSV.
 */
function splitLabels(text: string): string[] {
  const equalsCount = text.split('=').length - 1
  if (equalsCount < 2) return [text.replaceAll(/^"+|"+$/g, '')]
  return [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  )
}
