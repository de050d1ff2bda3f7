// scrape_configs: what to read and what to do with it.

import { discoveryKeys, discoveryReaders } from '../discovery/registry.ts'
import { type RelabelRule, readRelabelRules } from '../discovery/relabel.ts'
import { readStaticConfigs, type StaticConfig } from '../discovery/static.ts'
import type { DiscoveryConfig } from '../discovery/target-group.ts'
import { unsupportedDiscoveries } from '../discovery/unsupported.ts'
import { readStages } from '../pipeline/registry.ts'
import type { StageFactory } from '../pipeline/stage.ts'
import { sourceOf, sourceReaders } from '../sources/registry.ts'
import type { SourceConfig } from '../sources/source.ts'
import type { Decompression } from '../tail/compressed-tailer.ts'
import { findEncoding, isUtf8, type TextEncoding } from '../tail/encoding.ts'
import { readBoolean, readDurationMs, readOneOf, readText } from './readers.ts'
import type { ValueReader, YamlCursor } from './yaml-cursor.ts'

/** One job. */
export interface ScrapeConfig {
  readonly jobName: string
  /** Equal for jobs that are written equally. */
  readonly identity: string
  readonly stages: readonly StageFactory[]
  readonly relabelRules: readonly RelabelRule[]
  readonly staticConfigs: readonly StaticConfig[]
  /** Where further targets are looked for. */
  readonly discoveries: readonly DiscoveryConfig[]
  /** Own key: labels that the path of a container's log gives are added to its lines. */
  readonly addsPathLabels: boolean
  /** Absent for UTF-8. */
  readonly encoding: TextEncoding | undefined
  /** Set where the files of the job are compressed. */
  readonly decompression: Decompression | undefined
  /** Where lines come from other than files. */
  readonly source: SourceConfig | undefined
}

const readEncoding: ValueReader<TextEncoding> = cursor => {
  const name = readText(cursor) ?? ''
  if (isUtf8(name)) return undefined
  const encoding = findEncoding(name)
  if (encoding) return encoding
  return cursor.failAtKey(
    `encoding ${JSON.stringify(name)} is not known: use an IANA name such as ISO-8859-1`,
  )
}

const readDecompression: ValueReader<Decompression> = cursor => {
  const raw = cursor.record({
    enabled: readBoolean,
    initial_delay: readDurationMs,
    format: readOneOf(['gz', 'z', 'bz2'] as const),
  })
  if (!raw.enabled) return undefined
  const { format } = raw
  if (format) return { format, initialDelayMs: raw.initial_delay ?? 0 }
  return cursor.failAtKey('decompression needs a format: gz, z or bz2')
}

const readJob = (cursor: YamlCursor): ScrapeConfig | undefined => {
  const raw = cursor.record({
    job_name: readText,
    pipeline_stages: readStages,
    relabel_configs: readRelabelRules,
    static_configs: readStaticConfigs,
    path_labels: readBoolean,
    encoding: readEncoding,
    decompression: readDecompression,
    ...discoveryReaders,
    ...unsupportedDiscoveries,
    ...sourceReaders,
  })
  if (!raw.job_name) return cursor.fail('job_name is empty: give each job a name of its own')
  const otherSources = Object.keys({ ...unsupportedDiscoveries, ...sourceReaders })
  const sourceKeys = ['static_configs', ...discoveryKeys, ...otherSources]
  const hasSource = sourceKeys.some(key => cursor.get(key)?.isNull === false)
  if (!hasSource) {
    return cursor.fail(
      `no valid target scrape config defined for "${raw.job_name}": add static_configs`,
    )
  }
  return {
    jobName: raw.job_name,
    identity: cursor.identity,
    stages: raw.pipeline_stages ?? [],
    relabelRules: raw.relabel_configs ?? [],
    staticConfigs: raw.static_configs ?? [],
    discoveries: discoveryKeys.flatMap(key => raw[key] ?? []),
    addsPathLabels: raw.path_labels ?? false,
    encoding: raw.encoding,
    decompression: raw.decompression,
    source: sourceOf(cursor, raw),
  }
}

/** Reads the list of jobs; their names must differ. */
export function readScrapeConfigs(cursor: YamlCursor): ScrapeConfig[] {
  const jobs: ScrapeConfig[] = []
  for (const item of cursor.items()) {
    const job = readJob(item)
    if (!job) continue
    if (jobs.some(other => other.jobName === job.jobName)) {
      item.fail(`found multiple scrape configs with job name "${job.jobName}": rename one`)
    }
    jobs.push(job)
  }
  return jobs
}
