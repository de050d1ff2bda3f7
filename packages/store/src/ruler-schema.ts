// The schema of the block `ruler`, as Loki has it, and of our keys in it.

import type { XStatic } from 'typebox/schema'
import { block, count, duration, flag, oneOf, text, texts } from './schema-forms.ts'
import { withUnfollowed } from './settings/unfollowed.ts'

/** Any value, so that no message about a mistake shows a secret. */
const secret = { description: 'A secret. It is never shown.', default: '' } as const

function textMap(description: string) {
  const additionalProperties = { type: 'string' } as const
  return { type: 'object', additionalProperties, description, default: {} } as const
}

/** Addresses may contain passwords, so no message shows them. */
function address(description: string) {
  return {
    description: `${description} It may contain a password and is not shown.`,
    default: '',
  } as const
}

/** Prometheus's rules that change labels. resolve-ruler.ts checks them. */
function relabelRules(description: string) {
  const items = { type: 'object' } as const
  return { type: 'array', items, description, default: [] } as const
}

function described<Properties extends object>(description: string, properties: Properties) {
  return { ...block(properties), description } as const
}

const clientTls = {
  tls_cert_path: text('File with the certificate of this client.', ''),
  tls_key_path: text('File with its key.', ''),
  tls_ca_path: text('File with the certificates to trust, in place of those of the system.', ''),
  tls_server_name: text('Name in the certificate of the server.', ''),
  tls_insecure_skip_verify: flag('Accept any certificate.', false),
  tls_min_version: oneOf('Oldest version of TLS.', [
    '',
    'VersionTLS10',
    'VersionTLS11',
    'VersionTLS12',
    'VersionTLS13',
  ]),
}

function createAlertmanagerKeys(path: string) {
  return {
    alertmanager_url: address('Addresses of Alertmanagers, separated by commas.'),
    enable_alertmanager_discovery: flag(
      'The hosts in `alertmanager_url` are full names of SRV records, such as `_http._tcp.alertmanager.example.com`. Every server that they name gets the alerts.',
      false,
    ),
    alertmanager_refresh_interval: duration('How often to look these names up.', '1m'),
    notification_queue_capacity: count(
      'Alerts that may wait for one Alertmanager; beyond that, the oldest are dropped and counted.',
      10000,
    ),
    notification_timeout: duration('How long a request to an Alertmanager may take.', '10s'),
    alert_relabel_configs: relabelRules(
      'Rules that change the labels of alerts on their way to the Alertmanagers, or leave alerts out.',
    ),
    alertmanager_client: {
      ...withUnfollowed(
        block({
          ...clientTls,
          tls_cipher_suites: text(
            "Go's names of the cipher suites to allow, separated by commas. Those of TLS 1.3 are always allowed.",
            '',
          ),
          basic_auth_username: text(
            'User for all Alertmanagers, in place of those in their URLs.',
            '',
          ),
          basic_auth_password: secret,
          type: text('Type of the header Authorization.', 'Bearer'),
          credentials: secret,
          credentials_file: text('File with the credentials, read for each request.', ''),
        }),
        `${path}.alertmanager_client`,
      ),
      description: 'The connections to the Alertmanagers.',
    },
  }
}

const prometheusTls = described(
  'The connection: `ca_file`, `cert_file`, `key_file`, `server_name`, `insecure_skip_verify`, `min_version`.',
  {
    ca_file: text('File with the certificates to trust.', ''),
    cert_file: text('File with the certificate of this client.', ''),
    key_file: text('File with its key.', ''),
    server_name: text('Name in the certificate of the server.', ''),
    insecure_skip_verify: flag('Accept any certificate.', false),
    min_version: oneOf('Oldest version of TLS.', ['', 'TLS10', 'TLS11', 'TLS12', 'TLS13']),
  },
)

const sigv4Keys = {
  region: text('Region of AWS; empty for the usual one, such as that of AWS_REGION.', ''),
  access_key: text('Access key; empty for the usual credentials of the AWS SDK.', ''),
  secret_key: secret,
  profile: text('Profile in the files of the AWS command line.', ''),
  role_arn: text('Role to take on.', ''),
}

function sigv4<Properties extends object>(description: string, properties: Properties) {
  const anyOf = [block(properties), { type: 'null' }] as const
  return { anyOf, description, default: null } as const
}

const ignored = { description: 'Accepted, without effect.', default: null } as const

/** A server of Prometheus' remote write, as Prometheus describes it. */
const remoteWriteClient = block({
  url: address('Address, such as `http://prometheus:9090/api/v1/write`.'),
  name: text('Accepted, without effect.', ''),
  remote_timeout: duration('How long a request may take.', '30s'),
  headers: textMap('Headers of every request.'),
  write_relabel_configs: relabelRules(
    'Rules that change the labels of samples before they are sent, or leave samples out.',
  ),
  protobuf_message: oneOf('Version of the protocol.', [
    'prometheus.WriteRequest',
    'io.prometheus.write.v2.Request',
  ]),
  basic_auth: described('User and password: `username`, `password` or `password_file`.', {
    username: text('User.', ''),
    password: secret,
    password_file: text('File with the password, read for each request.', ''),
  }),
  authorization: described(
    'The header Authorization: `type`, `credentials` or `credentials_file`.',
    {
      type: text('Type of the header Authorization.', 'Bearer'),
      credentials: secret,
      credentials_file: text('File with the credentials, read for each request.', ''),
    },
  ),
  bearer_token: secret,
  bearer_token_file: text('File with a token, read for each request.', ''),
  sigv4: sigv4(
    'Sign requests for AWS: `region`, `access_key`, `secret_key`, `profile`, `role_arn`, `external_id`, `use_fips_sts_endpoint`, `service_name` (`aps` if empty). Write `{}` for the usual credentials and region of the AWS SDK.',
    {
      ...sigv4Keys,
      external_id: text('ID that the role asks for.', ''),
      use_fips_sts_endpoint: flag('Ask for the role at an endpoint for FIPS 140.', false),
      service_name: text('Name of the service in the signature.', ''),
    },
  ),
  tls_config: prometheusTls,
  queue_config: described(
    'Sizes and pauses: `max_samples_per_send`, `min_backoff`, `max_backoff`. The others have no effect.',
    {
      max_samples_per_send: count('Samples of one request.', 2000),
      min_backoff: duration('First pause after a failed request.', '30ms'),
      max_backoff: duration('Longest pause after failed requests.', '5s'),
      capacity: ignored,
      min_shards: ignored,
      max_shards: ignored,
      batch_send_deadline: ignored,
      retry_on_http_429: ignored,
      sample_age_limit: ignored,
    },
  ),
  metadata_config: ignored,
  send_exemplars: ignored,
  send_native_histograms: ignored,
  round_robin_dns: ignored,
  follow_redirects: ignored,
  enable_http2: ignored,
})

const webhookSchema = block({
  name: text('Its name in the log and in metrics.', ''),
  type: oneOf(
    '`slack`: a message that Slack, Mattermost, Rocket.Chat and Discord (…/slack) take; `generic`: the alerts as JSON, in the form of Alertmanager’s webhooks.',
    ['slack', 'generic'],
  ),
  url: address('Address.'),
  url_file: text('File with the address, read for each request.', ''),
  headers: textMap('Headers of every request.'),
  send_resolved: flag('Also tell when an alert ends.', true),
  timeout: duration('How long a request may take.', '10s'),
  basic_auth: described('User and password: `username`, `password` or `password_file`.', {
    username: text('User.', ''),
    password: secret,
    password_file: text('File with the password, read for each request.', ''),
  }),
  bearer_token_file: text('File with a token, read for each request.', ''),
  tls_config: prometheusTls,
})

/** The whole block. */
export const rulerSchema = withUnfollowed(
  block({
    storage: {
      ...withUnfollowed(
        block({
          type: text(
            '`local`: in files. Rules that come by API are in the data directory, those of replicas in PostgreSQL.',
            '',
          ),
          local: {
            ...block({ directory: text('', '') }),
            description:
              '`directory`: a directory with one directory for each tenant (`fake` without auth_enabled), with files of rules in it.',
          },
        }),
        'ruler.storage',
      ),
      description:
        'Where files of rules are: `local.directory` has one directory for each tenant (`fake` without auth_enabled), with files of rules in it. Rules that come by API are in the data directory, those of replicas in PostgreSQL.',
    },
    poll_interval: duration('How often to read the files of rules again.', '1m'),
    evaluation_interval: duration('How often to evaluate groups that have no interval.', '1m'),
    external_url: text('Address of Grafana, for the links in alerts.', ''),
    datasource_uid: text('UID of the data source in Grafana, for the links in alerts.', ''),
    external_labels: textMap('Labels that every alert gets.'),
    for_outage_tolerance: duration(
      'After a longer outage, alerts with `for` begin as pending again.',
      '1h',
    ),
    for_grace_period: duration(
      'After an outage of more than two evaluations, alerts whose `for` is at least this long stay pending for at least this time.',
      '10m',
    ),
    resend_delay: duration('How often a firing alert is sent again.', '1m'),
    enable_api: flag('Let clients read and write rules.', true),
    enabled_tenants: text(
      'Only these tenants have rules; separate several with commas. Empty for all.',
      '',
    ),
    disabled_tenants: text('These tenants have no rules.', ''),
    disable_rule_group_label: flag('Leave the label rule_group out of metrics.', false),
    ...createAlertmanagerKeys('ruler'),
    remote_write: {
      ...withUnfollowed(
        block({
          enabled: flag('Write recorded series, and the state of alerts, to other servers.', false),
          clients: {
            type: 'object',
            additionalProperties: remoteWriteClient,
            description: 'The servers by names of your choice.',
            default: {},
          } as const,
          client: {
            anyOf: [remoteWriteClient, { type: 'null' }],
            description: 'Older form of clients.',
            default: null,
          } as const,
          add_org_id_header: flag('Send the tenant in the header X-Scope-OrgID.', true),
        }),
        'ruler.remote_write',
      ),
      description: 'Where recorded series go.',
    },
    webhooks: {
      type: 'array',
      items: webhookSchema,
      description: 'Receivers of notifications for machines without an Alertmanager. Not in Loki.',
      default: [],
    } as const,
    webhook_hosts: texts(
      'Hosts that webhooks may reach, with `*.` for all below a domain. Others are refused. Not in Loki.',
      [],
    ),
  }),
  'ruler',
)

/** `ruler_storage`, the newer place of `ruler.storage`. */
export const rulerStorageSchema = withUnfollowed(
  block({
    backend: text('`local` or `filesystem`.', ''),
    local: {
      ...block({ directory: text('', '') }),
      description: '`directory`: see ruler.storage.local.',
    },
    filesystem: {
      ...withUnfollowed(block({ dir: text('', '') }), 'ruler_storage.filesystem'),
      description: '`dir`: the same directory.',
    },
  }),
  'ruler_storage',
)

/** The blocks of the ruler that have a separate table in docs/config.md. */
export const rulerBlocks = {
  'ruler.alertmanager_client': rulerSchema.properties.alertmanager_client,
  'ruler.remote_write': rulerSchema.properties.remote_write,
  'ruler.remote_write.clients.*': remoteWriteClient,
  'ruler.webhooks[]': webhookSchema,
} as const

/** The keys of the ruler in `limits_config`. */
export const rulerLimitsSchema = {
  ruler_max_rules_per_rule_group: count('Maximum number of rules in a group; 0 means no limit.', 0),
  ruler_max_rule_groups_per_tenant: count(
    'Maximum number of groups of rules; 0 means no limit.',
    0,
  ),
  ruler_remote_write_disabled: flag('Do not write recorded series.', false),
  ruler_remote_write_url: address('Address in the place of those of ruler.remote_write.'),
  ruler_remote_write_timeout: duration(
    'Timeout in the place of those of ruler.remote_write; 0 for those.',
    '0s',
  ),
  ruler_remote_write_headers: textMap('Headers in the place of those of ruler.remote_write.'),
  ruler_remote_write_relabel_configs: relabelRules(
    'Rules in the place of `write_relabel_configs` of ruler.remote_write.',
  ),
  ruler_remote_write_sigv4_config: sigv4(
    'Sign requests for AWS, in the place of the login of each client: `region`, `access_key`, `secret_key`, `profile`, `role_arn`.',
    sigv4Keys,
  ),
  ruler_remote_write_config: {
    type: 'object',
    additionalProperties: remoteWriteClient,
    description:
      'Clients of a tenant, in the place of those with the same names in `ruler.remote_write.clients`. Each needs a `url`. Headers, rules, login and TLS that it leaves out are those of `ruler.remote_write.clients`.',
    default: {},
  } as const,
  ruler_alertmanager_config: {
    anyOf: [
      withUnfollowed(
        block(createAlertmanagerKeys('limits_config.ruler_alertmanager_config')),
        'limits_config.ruler_alertmanager_config',
      ),
      { type: 'null' },
    ],
    description: 'The Alertmanagers of a tenant, with the keys that ruler has for them.',
    default: null,
  },
} as const

export type RawRuler = {
  readonly storage: { readonly type: string; readonly local: { readonly directory: string } }
  readonly webhooks: readonly RawWebhook[]
  readonly webhook_hosts: readonly string[]
  readonly external_labels: Readonly<Record<string, string>>
  readonly remote_write: {
    readonly enabled: boolean
    readonly clients: Readonly<Record<string, RawRemoteWrite>>
    readonly client: RawRemoteWrite | null
    readonly add_org_id_header: boolean
  }
} & RawAlertmanager &
  Readonly<
    Record<
      | 'poll_interval'
      | 'evaluation_interval'
      | 'for_outage_tolerance'
      | 'for_grace_period'
      | 'resend_delay',
      string | 0
    >
  > &
  Readonly<
    Record<'external_url' | 'datasource_uid' | 'enabled_tenants' | 'disabled_tenants', string>
  > &
  Readonly<Record<'enable_api' | 'disable_rule_group_label', boolean>>

type AlertmanagerKeys = ReturnType<typeof createAlertmanagerKeys>

/** The keys of Alertmanagers as written, with the defaults filled in. */
export interface RawAlertmanager {
  readonly alert_relabel_configs: readonly unknown[]
  readonly alertmanager_url: unknown
  readonly enable_alertmanager_discovery: boolean
  readonly alertmanager_refresh_interval: string | 0
  readonly notification_queue_capacity: number
  readonly notification_timeout: string | 0
  readonly alertmanager_client: Required<XStatic<AlertmanagerKeys['alertmanager_client']>>
}

type RawTls = Required<XStatic<typeof prometheusTls>>
interface RawBasicAuth {
  readonly username: string
  readonly password: unknown
  readonly password_file: string
}

/** A block `sigv4` as written. */
export interface RawSigV4 {
  readonly region: string
  readonly access_key: string
  readonly secret_key: unknown
  readonly profile: string
  readonly role_arn: string
  readonly external_id?: string
  readonly use_fips_sts_endpoint?: boolean
  readonly service_name?: string
}

/** A server of remote write as written. */
export interface RawRemoteWrite {
  readonly write_relabel_configs: readonly unknown[]
  readonly url: unknown
  readonly remote_timeout: string | 0
  readonly headers: Readonly<Record<string, string>>
  readonly protobuf_message: string
  readonly basic_auth: RawBasicAuth
  readonly authorization: {
    readonly type: string
    readonly credentials: unknown
    readonly credentials_file: string
  }
  readonly bearer_token: unknown
  readonly bearer_token_file: string
  readonly sigv4: RawSigV4 | null
  readonly tls_config: RawTls
  readonly queue_config: {
    readonly max_samples_per_send: number
    readonly min_backoff: string | 0
    readonly max_backoff: string | 0
  }
}

/** A webhook as written. */
export interface RawWebhook {
  readonly name: string
  readonly type: 'slack' | 'generic'
  readonly url: unknown
  readonly url_file: string
  readonly headers: Readonly<Record<string, string>>
  readonly send_resolved: boolean
  readonly timeout: string | 0
  readonly basic_auth: RawBasicAuth
  readonly bearer_token_file: string
  readonly tls_config: RawTls
}

/** `ruler_storage` as written. */
export interface RawRulerStorage {
  readonly backend: string
  readonly local: { readonly directory: string }
  readonly filesystem: { readonly dir: string }
}

/** The keys of the ruler in the limits of a tenant. */
export interface RawRulerLimits {
  readonly ruler_max_rules_per_rule_group: number
  readonly ruler_max_rule_groups_per_tenant: number
  readonly ruler_remote_write_disabled: boolean
  readonly ruler_remote_write_url: unknown
  readonly ruler_remote_write_timeout: string | 0
  readonly ruler_remote_write_headers: Readonly<Record<string, string>>
  readonly ruler_remote_write_relabel_configs: readonly unknown[]
  readonly ruler_remote_write_sigv4_config: RawSigV4 | null
  readonly ruler_remote_write_config: Readonly<Record<string, RawRemoteWrite>>
  readonly ruler_alertmanager_config: RawAlertmanager | null
}
