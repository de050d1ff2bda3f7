// The kinds of sources. A new one is a file in this folder and a row here.

import { refuse } from '../config/readers.ts'
import type { ValueReader, YamlCursor } from '../config/yaml-cursor.ts'
import { readGelfSource } from './gelf.ts'
import { readJournalSource } from './journal.ts'
import { readKafkaSource } from './kafka.ts'
import { readLokiPushApiSource } from './loki-push-api.ts'
import type { SourceConfig } from './source.ts'
import { readSyslogSource } from './syslog.ts'
import { readWindowsEventsSource } from './windows-events.ts'

const isVendors =
  'it takes the logs of one cloud vendor, and its client library is not carried along'

/** Readers of the keys of a job that name a source. */
export const sourceReaders: Readonly<Record<string, ValueReader<SourceConfig>>> = {
  gelf: readGelfSource,
  journal: readJournalSource,
  kafka: readKafkaSource,
  loki_push_api: readLokiPushApiSource,
  syslog: readSyslogSource,
  windows_events: readWindowsEventsSource,
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
