// server: the agent's own HTTP server, and those of sources that have one.

import {
  readAnything,
  readBoolean,
  readCount,
  readDurationMs,
  readOneOf,
  readText,
} from './readers.ts'
import { readHttpTls, type ServerTls } from './server-tls.ts'
import { defined, type ValueReader } from './yaml-cursor.ts'

export interface ServerConfig {
  readonly isDisabled: boolean
  readonly httpListenAddress: string
  readonly httpListenPort: number
  readonly httpPathPrefix: string
  readonly logLevel: LogLevel
  readonly logFormat: 'logfmt' | 'json'
  /** False: /ready is always 200. */
  readonly checksHealth: boolean
  readonly enablesReload: boolean
  /** /debug/pprof and /debug/fgprof are there. */
  readonly enablesProfiling: boolean
  /** Absent for plain HTTP. */
  readonly tls?: ServerTls
}

export type LogLevel = (typeof logLevels)[number]
const logLevels = ['debug', 'info', 'warn', 'error'] as const

/** Reads a `server` block. */
export const readServer: ValueReader<Partial<ServerConfig>> = cursor => {
  const raw = cursor.record({
    disable: readBoolean,
    http_listen_address: readText,
    http_listen_port: readCount,
    http_path_prefix: readText,
    log_level: readOneOf(logLevels),
    log_format: readOneOf(['logfmt', 'json'] as const),
    health_check_target: readBoolean,
    enable_runtime_reload: readBoolean,
    http_tls_config: readHttpTls,
    profiling_enabled: readBoolean,
    external_url: readText,
    register_instrumentation: readBoolean,
    graceful_shutdown_timeout: readDurationMs,
    http_listen_network: readText,
    http_listen_conn_limit: readCount,
    http_server_read_timeout: readDurationMs,
    http_server_read_header_timeout: readDurationMs,
    http_server_write_timeout: readDurationMs,
    http_server_idle_timeout: readDurationMs,
    http_log_closed_connections_without_response_enabled: readBoolean,
    grpc_listen_network: readText,
    grpc_listen_address: readText,
    grpc_listen_port: readCount,
    grpc_listen_conn_limit: readCount,
    grpc_tls_config: readAnything,
    grpc_server_max_recv_msg_size: readCount,
    grpc_server_max_send_msg_size: readCount,
    grpc_server_max_concurrent_streams: readCount,
    grpc_server_max_connection_idle: readDurationMs,
    grpc_server_max_connection_age: readDurationMs,
    grpc_server_max_connection_age_grace: readDurationMs,
    grpc_server_keepalive_time: readDurationMs,
    grpc_server_keepalive_timeout: readDurationMs,
    grpc_server_min_time_between_pings: readDurationMs,
    grpc_server_ping_without_stream_allowed: readBoolean,
    grpc_server_num_workers: readCount,
    tls_cipher_suites: readText,
    tls_min_version: readText,
    log_source_ips_enabled: readBoolean,
    log_source_ips_full: readBoolean,
    log_source_ips_header: readText,
    log_source_ips_regex: readText,
    log_request_headers: readBoolean,
    log_request_at_info_level_enabled: readBoolean,
    log_request_exclude_headers_list: readText,
    proxy_protocol_enabled: readBoolean,
  })
  const port = raw.http_listen_port
  if (port !== undefined && port > 65_535) {
    cursor.get('http_listen_port')?.failAtKey(`http_listen_port must be below 65536, found ${port}`)
  }
  return defined({
    isDisabled: raw.disable,
    httpListenAddress: raw.http_listen_address,
    httpListenPort: port,
    httpPathPrefix: raw.http_path_prefix?.replace(/\/+$/, ''),
    logLevel: raw.log_level,
    logFormat: raw.log_format,
    checksHealth: raw.health_check_target,
    enablesReload: raw.enable_runtime_reload,
    enablesProfiling: raw.profiling_enabled,
    tls: raw.http_tls_config,
  })
}
