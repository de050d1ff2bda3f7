// Keys of an HTTP server: the agent's own server and the sources that have one.

import {
  defined,
  type FieldValues,
  readBoolean,
  readCount,
  readDurationMs,
  readInteger,
  readOneOf,
  readText,
  type ValueReader,
  withinBounds,
} from '@skald/config-reading'
import { type LogFormat, type LogLevel, logFormats, logLevels } from '@skald/wire'
import type { ServerTls } from '../net/server-tls.ts'
import { readHttpTls, readTlsTexts } from './server-tls.ts'

/** Configuration of an HTTP server. */
export interface ListenerConfig {
  readonly httpListenAddress: string
  readonly httpListenPort: number
  readonly httpPathPrefix: string
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
  /** Absent for plain HTTP. */
  readonly tls?: ServerTls
}

const readPort: ValueReader<number> = cursor =>
  withinBounds(cursor, readInteger(cursor), { minimum: 0, maximum: 65_535 })

const readNetwork = readOneOf(['tcp', 'tcp4', 'tcp6'] as const)

const minVersions = {
  VersionTLS10: 'TLSv1',
  VersionTLS11: 'TLSv1.1',
  VersionTLS12: 'TLSv1.2',
  VersionTLS13: 'TLSv1.3',
} as const
const minVersionNames = ['VersionTLS10', 'VersionTLS11', 'VersionTLS12', 'VersionTLS13'] as const
const readMinVersion = readOneOf(['', ...minVersionNames] as const)

function withMinVersion(
  tls: ServerTls,
  name: ReturnType<typeof readMinVersion>,
): ServerTls | undefined {
  return name ? { ...tls, minVersion: minVersions[name] } : tls
}

/** Reads a path such as `/agent`, or an empty string. */
const readPathPrefix: ValueReader<string> = cursor => {
  const text = readText(cursor)
  if (text === undefined || text === '' || text.startsWith('/')) return text
  return cursor.failAtKey(`${cursor.name} must start with /, found ${cursor.describe()}`)
}

/** Readers of the keys of every HTTP server in the agent. Most have no effect here. */
export const listenerFields = {
  http_listen_address: readText,
  http_listen_port: readPort,
  http_path_prefix: readPathPrefix,
  http_tls_config: readHttpTls,
  log_level: readOneOf(logLevels),
  log_format: readOneOf([...logFormats, ''] as const),
  register_instrumentation: readBoolean,
  graceful_shutdown_timeout: readDurationMs,
  http_listen_network: readNetwork,
  http_listen_conn_limit: readInteger,
  http_server_read_timeout: readDurationMs,
  http_server_read_header_timeout: readDurationMs,
  http_server_write_timeout: readDurationMs,
  http_server_idle_timeout: readDurationMs,
  http_log_closed_connections_without_response_enabled: readBoolean,
  grpc_listen_network: readNetwork,
  grpc_listen_address: readText,
  grpc_listen_port: readPort,
  grpc_listen_conn_limit: readInteger,
  grpc_tls_config: readTlsTexts,
  grpc_server_max_recv_msg_size: readInteger,
  grpc_server_max_send_msg_size: readInteger,
  grpc_server_max_concurrent_streams: readCount,
  grpc_server_max_connection_idle: readDurationMs,
  grpc_server_max_connection_age: readDurationMs,
  grpc_server_max_connection_age_grace: readDurationMs,
  grpc_server_keepalive_time: readDurationMs,
  grpc_server_keepalive_timeout: readDurationMs,
  grpc_server_min_time_between_pings: readDurationMs,
  grpc_server_ping_without_stream_allowed: readBoolean,
  grpc_server_num_workers: readInteger,
  grpc_server_stats_tracking_enabled: readBoolean,
  grpc_server_recv_buffer_pools_enabled: readBoolean,
  report_grpc_codes_in_instrumentation_label_enabled: readBoolean,
  tls_cipher_suites: readText,
  tls_min_version: readMinVersion,
  log_source_ips_enabled: readBoolean,
  log_source_ips_full: readBoolean,
  log_source_ips_header: readText,
  log_source_ips_regex: readText,
  log_request_headers: readBoolean,
  log_request_at_info_level_enabled: readBoolean,
  log_request_exclude_headers_list: readText,
  proxy_protocol_enabled: readBoolean,
}

/** Reads the `server` block of a source that is a plain HTTP server. */
export const readListener: ValueReader<Partial<ListenerConfig>> = cursor => {
  return listenerOf(cursor.record(listenerFields))
}

/** Builds the configuration of a server from the values read. */
export function listenerOf(raw: FieldValues<typeof listenerFields>): Partial<ListenerConfig> {
  return defined({
    httpListenAddress: raw.http_listen_address,
    httpListenPort: raw.http_listen_port,
    httpPathPrefix: raw.http_path_prefix?.replace(/\/+$/, ''),
    logLevel: raw.log_level,
    logFormat: raw.log_format || undefined,
    tls: raw.http_tls_config && withMinVersion(raw.http_tls_config, raw.tls_min_version),
  })
}
