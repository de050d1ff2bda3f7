// The metrics of the ruler, under the names of Loki's.

import { Counter, Gauge, Histogram, type Registry, Summary } from 'prom-client'

type GroupLabels = 'user' | 'rule_group'
type ServerLabels = 'user' | 'alertmanager'

/** The metrics of one ruler. */
export type RulerMetrics = ReturnType<typeof createRulerMetrics>

/**
 * Adds the metrics of a ruler to a registry.
 *
 * @param hasGroupLabel Whether metrics of groups have a label that names the group.
 */
export function createRulerMetrics(registry: Registry, hasGroupLabel: boolean) {
  const registers = [registry]
  const labelNames: GroupLabels[] = hasGroupLabel ? ['user', 'rule_group'] : ['user']
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers })
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers })
  const ofServer = (name: string, help: string) => {
    const names: ServerLabels[] = ['user', 'alertmanager']
    return new Counter({ name, help, labelNames: names, registers })
  }
  const ofWrites = (name: string, help: string) =>
    new Counter({ name, help, labelNames: ['client'], registers })
  return {
    hasGroupLabel,
    evaluations: counter('loki_prometheus_rule_evaluations_total', 'Evaluations of rules'),
    failures: counter(
      'loki_prometheus_rule_evaluation_failures_total',
      'Failed evaluations of rules',
    ),
    iterations: counter(
      'loki_prometheus_rule_group_iterations_total',
      'Evaluations of groups that were due, missed ones included',
    ),
    missed: counter(
      'loki_prometheus_rule_group_iterations_missed_total',
      'Evaluations of groups that were missed because an earlier one took too long',
    ),
    interval: gauge('loki_prometheus_rule_group_interval_seconds', 'Interval of a group'),
    lastEvaluation: gauge(
      'loki_prometheus_rule_group_last_evaluation_timestamp_seconds',
      'Time of the last evaluation of a group',
    ),
    lastDuration: gauge(
      'loki_prometheus_rule_group_last_duration_seconds',
      'How long the last evaluation of a group took',
    ),
    rules: gauge('loki_prometheus_rule_group_rules', 'Rules of a group'),
    lastSamples: gauge(
      'loki_prometheus_last_evaluation_samples',
      'Samples of the last evaluation of a group',
    ),
    ruleSeconds: new Summary({
      name: 'loki_prometheus_rule_evaluation_duration_seconds',
      help: 'How long evaluations of rules take',
      labelNames: ['user'],
      percentiles: [],
      registers,
    }),
    groupSeconds: new Summary({
      name: 'loki_prometheus_rule_group_duration_seconds',
      help: 'How long evaluations of groups take',
      labelNames: ['user'],
      percentiles: [],
      registers,
    }),
    lateness: new Histogram({
      name: 'skald_rule_group_late_seconds',
      help: 'How long after its moment the evaluation of a group begins',
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60],
      registers,
    }),
    reloadOk: new Gauge({
      name: 'loki_ruler_config_last_reload_successful',
      help: '1 if the files of rules of a tenant could be read the last time',
      labelNames: ['user'],
      registers,
    }),
    managers: new Gauge({
      name: 'loki_ruler_managers_total',
      help: 'Tenants with rules',
      registers,
    }),
    notificationsSent: ofServer(
      'loki_prometheus_notifications_sent_total',
      'Alerts that an Alertmanager has taken',
    ),
    notificationErrors: ofServer(
      'loki_prometheus_notifications_errors_total',
      'Requests that an Alertmanager has not taken',
    ),
    notificationsDropped: ofServer(
      'loki_prometheus_notifications_dropped_total',
      'Alerts that were not sent: the queue was full, or the Alertmanager refused them',
    ),
    queueLength: new Gauge({
      name: 'loki_prometheus_notifications_queue_length',
      help: 'Alerts that wait for an Alertmanager',
      labelNames: ['user', 'alertmanager'],
      registers,
    }),
    queueCapacity: new Gauge({
      name: 'loki_prometheus_notifications_queue_capacity',
      help: 'Alerts that may wait for an Alertmanager',
      labelNames: ['user', 'alertmanager'],
      registers,
    }),
    notificationSeconds: new Summary({
      name: 'loki_prometheus_notifications_latency_seconds',
      help: 'How long requests to an Alertmanager take',
      labelNames: ['user', 'alertmanager'],
      percentiles: [],
      registers,
    }),
    webhookSent: new Counter({
      name: 'skald_webhook_notifications_sent_total',
      help: 'Alerts that a webhook has taken',
      labelNames: ['webhook'],
      registers,
    }),
    webhookErrors: new Counter({
      name: 'skald_webhook_notifications_errors_total',
      help: 'Requests that a webhook has not taken',
      labelNames: ['webhook'],
      registers,
    }),
    samplesWritten: ofWrites(
      'loki_ruler_wal_prometheus_remote_storage_samples_total',
      'Samples that a server has taken',
    ),
    samplesFailed: ofWrites(
      'loki_ruler_wal_prometheus_remote_storage_samples_failed_total',
      'Samples that a server has refused for good',
    ),
    samplesRetried: ofWrites(
      'loki_ruler_wal_prometheus_remote_storage_samples_retried_total',
      'Samples of requests that are sent again',
    ),
    samplesDropped: ofWrites(
      'loki_ruler_wal_prometheus_remote_storage_samples_dropped_total',
      'Samples that were dropped because too many waited on the disk',
    ),
    pendingBytes: new Gauge({
      name: 'skald_remote_write_pending_bytes',
      help: 'Bytes of samples that wait on the disk for a server',
      labelNames: ['client'],
      registers,
    }),
  }
}
