// The kinds of sources. A new one is a file in this folder and a row here.

import { createRequire } from 'node:module'
import { refuse } from '../config/readers.ts'
import type { ValueReader, YamlCursor } from '../config/yaml-cursor.ts'
import type { SourceConfig } from './source.ts'

const load = createRequire(import.meta.url)

/** Each is loaded when a job has it: modules are most of what an idle agent takes. */
const sources: Readonly<Record<string, () => ValueReader<SourceConfig>>> = {
  gelf: () => (load('./gelf.ts') as typeof import('./gelf.ts')).readGelfSource,
  journal: () => (load('./journal.ts') as typeof import('./journal.ts')).readJournalSource,
  kafka: () => (load('./kafka.ts') as typeof import('./kafka.ts')).readKafkaSource,
  loki_push_api: () =>
    (load('./loki-push-api.ts') as typeof import('./loki-push-api.ts')).readLokiPushApiSource,
  syslog: () => (load('./syslog.ts') as typeof import('./syslog.ts')).readSyslogSource,
  windows_events: () =>
    (load('./windows-events.ts') as typeof import('./windows-events.ts')).readWindowsEventsSource,
}

const isVendors =
  'it takes the logs of one cloud vendor, and its client library is not carried along'

/** Readers of the keys of a job that name a source. */
export const sourceReaders: Readonly<Record<string, ValueReader<SourceConfig>>> = {
  ...Object.fromEntries(
    Object.entries(sources).map(([name, reader]) => [
      name,
      (cursor: YamlCursor) => reader()(cursor),
    ]),
  ),
  azure_event_hubs: refuse(`${isVendors}. Event Hubs speak Kafka as well: use kafka`),
  cloudflare: refuse(`${isVendors}. Let Logpush send to /promtail/api/v1/raw of a loki_push_api`),
  gcplog: refuse(isVendors),
  heroku_drain: refuse(`${isVendors}. Let the drain send to syslog with TLS`),
}

/** The source of a job; a job has one at most. */
export function sourceOf(
  job: YamlCursor,
  raw: Readonly<Record<string, unknown>>,
): SourceConfig | undefined {
  const given = job.pairs().flatMap(({ key }) => (key in sourceReaders && raw[key] ? [key] : []))
  const [first, second] = given
  if (second) {
    job.get(second)?.failAtKey(`A job has one source, found ${first} and ${second}: make two jobs`)
  }
  return first === undefined ? undefined : (raw[first] as SourceConfig)
}
