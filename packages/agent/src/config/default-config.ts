// The configuration of the embedded agent: the logs of this machine.

/** Returns a configuration that reads the container and system logs of this machine. */
export function defaultAgentConfig(options: {
  /** Where to push, such as http://127.0.0.1:3100/loki/api/v1/push. */
  readonly pushUrl: string
  /** Whether that is the port of this very process, whose certificate may have another name. */
  readonly isOwnPort?: boolean
  /** Token to show with each push. */
  readonly bearerToken?: string | undefined
  /** Directory for the positions file. */
  readonly dataDir: string
  /** Port of the agent's own pages, on loopback. */
  readonly httpPort?: number
}): string {
  const { pushUrl, isOwnPort = false, bearerToken, dataDir, httpPort = 9080 } = options
  const tls = isOwnPort && pushUrl.startsWith('https:')
  const text = (value: string) => JSON.stringify(value)
  const token = bearerToken === undefined ? '' : `\n    bearer_token: ${text(bearerToken)}`
  return `server:
  http_listen_address: 127.0.0.1
  http_listen_port: ${httpPort}
positions:
  filename: ${text(`${dataDir}/positions.yaml`)}
  sync_period: 2s
clients:
  - url: ${text(pushUrl)}
    batchwait: 500ms${tls ? '\n    tls_config: {insecure_skip_verify: true}' : ''}${token}
    backoff_config: {min_period: 200ms, max_period: 10s}
target_config:
  # A file that several jobs reach is read by the first of them.
  read_files_once: true
scrape_configs:
  - job_name: pods
    path_labels: true
    pipeline_stages:
      - container: {}
    static_configs:
      - labels: {__path__: /var/log/pods/*/*/*.log}
  - job_name: docker
    path_labels: true
    pipeline_stages:
      - container: {}
    static_configs:
      - labels: {__path__: /var/lib/docker/containers/*/*-json.log}
  - job_name: system
    static_configs:
      - labels: {job: syslog, __path__: /var/log/syslog}
      - labels: {job: messages, __path__: /var/log/messages}
  - job_name: varlogs
    static_configs:
      - labels: {job: varlogs, __path__: "/var/log/**/*.log"}
`
}
