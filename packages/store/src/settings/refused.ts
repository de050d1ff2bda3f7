// Keys of Loki's configuration that Skald does not support and must not ignore: lines would go
// elsewhere or be kept for another time, others could read them, or alerts would not fire. Each is
// an error, unless its value asks for what Skald does anyway.

import { defaultOtlpLabelAttributes } from '@skald/wire'
import { ruleKeys } from './rules-in-use.ts'
import { isEmpty, type RefusedKey } from './setting.ts'
import { storageKeys } from './storage-in-use.ts'

interface Unless {
  /** Values that pass, in addition to no value. */
  readonly unless: readonly unknown[]
  /** How Skald's behaviour would differ from the file. */
  readonly why: string
  readonly instead: string
}

function refuse(key: string, { unless, why, instead }: Unless): RefusedKey {
  const values = unless.map(value => `\`${value}\``).join(' or ')
  return {
    key,
    unless: unless.length > 0 ? `it is ${values}` : 'it is empty',
    why: `${why}; ${instead}.`,
    judge: value =>
      isEmpty(value) || unless.includes(value)
        ? undefined
        : { kind: 'error', message: `${why}; ${instead}` },
  }
}

/** The part of Loki that a process runs. */
const target: RefusedKey = {
  key: 'target',
  unless: 'it is `all`, or a list that contains `all`',
  why: 'one process does everything, and cannot run as only a part of Loki; write all, or remove this key.',
  judge: value =>
    isEmpty(value) || String(value).split(',').includes('all')
      ? undefined
      : {
          kind: 'error',
          message: `one process does everything, and cannot run as ${value} alone; write all, or remove this key`,
        },
}

const noKafka =
  'the store takes pushes and keeps lines in local files, and does not write or read Kafka'

/** All refused keys. */
export const refusedKeys: readonly RefusedKey[] = [
  target,
  refuse('http_prefix', {
    unless: ['/'],
    why: 'the routes would not have this prefix',
    instead: 'write server.http_path_prefix',
  }),
  refuse('metrics_namespace', {
    unless: ['loki'],
    why: 'metric names begin with loki_, so alerts on other names would not fire',
    instead: 'remove it, and use loki_… in rules and dashboards',
  }),
  refuse('server.http_listen_network', {
    unless: ['tcp', 'tcp4'],
    why: 'without an address the store listens on all IPv4 addresses, not on IPv6 only',
    instead: 'write server.http_listen_address, such as "::1", and remove this key',
  }),
  refuse('server.proxy_protocol_enabled', {
    unless: [false],
    why: 'the store does not read the PROXY protocol and would refuse every request',
    instead: 'let the proxy speak plain HTTP, and remove this key',
  }),
  refuse('server.cluster_validation.http.enabled', {
    unless: [false],
    why: 'the store would answer requests from other clusters',
    instead: 'let a proxy in front of the store refuse them, and remove this key',
  }),
  refuse('querier.per_request_limits_enabled', {
    unless: [false],
    why: 'limits that a proxy sends in request headers would not apply',
    instead: 'remove it, and put the limits of each tenant into the file of runtime_config',
  }),
  ...['distributor.kafka_writes_enabled', 'distributor.dataobj_tee.enabled'].map(key =>
    refuse(key, { unless: [false], why: noKafka, instead: 'remove this key' }),
  ),
  refuse('distributor.ingester_writes_enabled', {
    unless: [true],
    why: 'the store would keep lines that are meant for another place',
    instead: 'remove this key, or push the lines to that place',
  }),
  ...['ingester.kafka_ingestion.enabled', 'kafka_ingester.enabled'].map(key =>
    refuse(key, {
      unless: [false],
      why: noKafka,
      instead: 'let an agent read the topic (kafka in its scrape_configs), and remove this key',
    }),
  ),
  {
    key: 'distributor.otlp_config.default_resource_attributes_as_index_labels',
    unless: 'it is the default list of Loki',
    why: 'other attributes of OTLP logs would become labels; list the ones you want in limits_config.otlp_config.resource_attributes with ignore_defaults: true, and remove this key.',
    judge: value =>
      isEmpty(value) || isDefaultAttributes(value)
        ? undefined
        : {
            kind: 'error',
            message:
              'other attributes of OTLP logs would become labels; list the ones you want in limits_config.otlp_config.resource_attributes with ignore_defaults: true, and remove this key',
          },
  },
  refuse('limits_config.otlp_config.severity_text_as_label', {
    unless: [false],
    why: 'the severity of OTLP logs is kept as metadata (severity_text) and detected_level, not as a label',
    instead: 'use those in queries and alerts, and remove this key',
  }),
  ...['limits_config.block_ingestion_policy_until', 'limits_config.policy_enforced_labels'].map(
    key =>
      refuse(key, {
        unless: [],
        why: 'there are no policies, so the store would accept lines that these policies refuse',
        instead: `use ${key.includes('until') ? 'limits_config.block_ingestion_until' : 'limits_config.enforced_labels'}, in the file of runtime_config for single tenants, and remove this key`,
      }),
  ),
  ...['compactor.skip_latest_n_tables', 'compactor.tables_to_compact'].map(key =>
    refuse(key, {
      unless: [0],
      why: 'retention applies to every day and would delete lines that this key protects',
      instead:
        'remove this key, and set limits_config.retention_period to how long lines should stay',
    }),
  ),
  ...storageKeys,
  ...ruleKeys,
]

function isDefaultAttributes(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== defaultOtlpLabelAttributes.length) return false
  return value.every(name => defaultOtlpLabelAttributes.includes(name))
}
