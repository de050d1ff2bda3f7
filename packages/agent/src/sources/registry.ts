// The kinds of sources. To add one, add a file to this folder and a row here.

import {
  type Kinds,
  loadReaders,
  refuse,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import type { SourceConfig } from './source.ts'

const sources: Kinds<ValueReader<SourceConfig>> = {
  gelf: async () => (await import('./gelf.ts')).readGelfSource,
  journal: async () => (await import('./journal.ts')).readJournalSource,
  kafka: async () => (await import('./kafka.ts')).readKafkaSource,
  loki_push_api: async () => (await import('./loki-push-api.ts')).readLokiPushApiSource,
  syslog: async () => (await import('./syslog.ts')).readSyslogSource,
  windows_events: async () => (await import('./windows-events.ts')).readWindowsEventsSource,
}

const isVendors =
  'it reads the logs of one cloud vendor, and the agent does not include its client library'

const unsupportedSources: Readonly<Record<string, ValueReader<never>>> = {
  azure_event_hubs: refuse(`${isVendors}. Event Hubs also speak Kafka: use kafka`),
  cloudflare: refuse(`${isVendors}. Let Logpush send to /promtail/api/v1/raw of a loki_push_api`),
  gcplog: refuse(isVendors),
  heroku_drain: refuse(`${isVendors}. Let the drain send to syslog with TLS`),
}

/** Keys of a job that configure a source. */
export const sourceKeys: readonly string[] = Object.keys({ ...sources, ...unsupportedSources })

/** Loads the readers of the source keys that the jobs use. */
export async function loadSourceReaders(
  jobKeys: Iterable<string>,
): Promise<Readonly<Record<string, ValueReader<SourceConfig>>>> {
  return { ...(await loadReaders(sources, jobKeys)), ...unsupportedSources }
}

/** Returns the source of a job. A job has at most one. */
export function sourceOf(
  job: YamlCursor,
  raw: Readonly<Record<string, unknown>>,
): SourceConfig | undefined {
  const given = job
    .pairs()
    .flatMap(({ key }) => (sourceKeys.includes(key) && raw[key] ? [key] : []))
  const [first, second] = given
  if (second) {
    job.get(second)?.failAtKey(`A job has one source, found ${first} and ${second}: make two jobs`)
  }
  return first === undefined ? undefined : (raw[first] as SourceConfig)
}
