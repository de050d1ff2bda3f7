// scrape_configs: what to read and what to do with it.

import {
  readBoolean,
  readDurationMs,
  readOneOf,
  readText,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { type RelabelRule, readRelabelRules } from '@skald/config-reading/relabel'
import type { DiscoveredJob } from '../discovery/job-targets.ts'
import { discoveryKeys, loadDiscoveryReaders } from '../discovery/registry.ts'
import { readStaticConfigs, type StaticConfig } from '../discovery/static.ts'
import { unsupportedDiscoveries } from '../discovery/unsupported.ts'
import { loadStageReader } from '../pipeline/registry.ts'
import type { StageFactory, StageReading } from '../pipeline/stage.ts'
import { loadSourceReaders, sourceKeys, sourceOf } from '../sources/registry.ts'
import type { SourcedJob } from '../sources/source.ts'
import type { Decompression } from '../tail/compressed-tailer.ts'
import { findEncoding } from '../tail/encoding.ts'
import type { TailedJob } from '../tail/managed-job.ts'

/** One job: the settings for each room that works on it. */
export interface ScrapeConfig extends DiscoveredJob, TailedJob, SourcedJob {
  readonly jobName: string
  /** Its line in the file, from 1. */
  readonly line: number
  /** True if no part of it was left out because of a mistake. */
  readonly isSound: boolean
  readonly stages: readonly StageFactory[]
  readonly relabelRules: readonly RelabelRule[]
}

const readEncoding: ValueReader<Pick<ScrapeConfig, 'encoding'>> = cursor => {
  const name = readText(cursor) ?? ''
  if (name === '') return { encoding: undefined }
  const encoding = findEncoding(name)
  if (encoding) return { encoding }
  return cursor.failContained(
    `${cursor.name} must be an IANA name such as ISO-8859-1, found ${cursor.describe()}`,
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
  return cursor.failAtKey(`${cursor.name} needs a format: gz, z or bz2`)
}

/** Readers of job keys that are loaded only when a job uses them. */
interface JobReaders {
  /** True if lines come from standard input, so that jobs need no path. */
  readonly readsStdin: boolean
  readonly stages: ValueReader<StageFactory[]>
  readonly discoveries: Awaited<ReturnType<typeof loadDiscoveryReaders>>
  readonly sources: Awaited<ReturnType<typeof loadSourceReaders>>
}

function readJob(cursor: YamlCursor, readers: JobReaders): ScrapeConfig | undefined {
  const problemsBefore = cursor.problemCount
  const raw = cursor.record({
    job_name: readText,
    pipeline_stages: readers.stages,
    relabel_configs: readRelabelRules,
    static_configs: readStaticConfigs,
    path_labels: readBoolean,
    encoding: readEncoding,
    decompression: readDecompression,
    ...readers.discoveries,
    ...unsupportedDiscoveries,
    ...readers.sources,
  })
  if (!raw.job_name) return cursor.fail('job_name is empty: give each job a unique name')
  const otherKeys = Object.keys(unsupportedDiscoveries)
  const keys = ['static_configs', ...discoveryKeys, ...otherKeys, ...sourceKeys]
  const hasSource = keys.some(key => cursor.has(key))
  if (!hasSource) {
    return cursor.fail(
      `no valid target scrape config defined for "${raw.job_name}": add static_configs`,
    )
  }
  checkPaths(cursor, raw, readers)
  // Its files cannot be read without a valid encoding.
  if (cursor.has('encoding') && !raw.encoding) return undefined
  return {
    jobName: raw.job_name,
    line: cursor.line,
    identity: cursor.identity,
    isSound: cursor.problemCount === problemsBefore,
    stages: raw.pipeline_stages ?? [],
    relabelRules: raw.relabel_configs ?? [],
    staticConfigs: raw.static_configs ?? [],
    discoveries: discoveryKeys.flatMap(key => raw[key] ?? []),
    addsPathLabels: raw.path_labels ?? false,
    encoding: raw.encoding?.encoding,
    decompression: raw.decompression,
    source: sourceOf(cursor, raw),
  }
}

/** Reports a job that reads nothing because its targets have no path and its rules set none. */
function checkPaths(
  cursor: YamlCursor,
  raw: { static_configs?: StaticConfig[]; relabel_configs?: RelabelRule[] },
  { readsStdin }: JobReaders,
): void {
  const list = cursor.get('static_configs')
  const { static_configs: targets = [], relabel_configs: rules = [] } = raw
  const others = [...discoveryKeys, ...sourceKeys].some(key => cursor.has(key))
  // Entries that were left out have already been reported.
  if (readsStdin || others || !list || targets.length < (list.items().length || 1)) return
  if (targets.some(({ labels }) => labels.get('__path__')) || rules.some(maySetPath)) return
  list.failContained(
    'No target of the job has a path, so nothing is read: add __path__ to its labels, or a rule that sets it',
  )
}

function maySetPath({ action, targetLabel }: RelabelRule): boolean {
  return action === 'labelmap' || targetLabel === '__path__' || targetLabel.includes('$')
}

/** Loads the kinds that the jobs of a configuration name. Returns the reader of its list of jobs. */
export async function loadScrapeReader(
  root: YamlCursor,
  { env, readsStdin }: { readonly env: StageReading['env']; readonly readsStdin: boolean },
): Promise<ValueReader<ScrapeConfig[]>> {
  const jobs = root.unjudged.get('scrape_configs')?.items() ?? []
  const jobKeys = jobs.flatMap(job => job.pairs().map(({ key }) => key))
  const [stages, discoveries, sources] = await Promise.all([
    loadStageReader(
      jobs.flatMap(job => job.get('pipeline_stages') ?? []),
      env,
    ),
    loadDiscoveryReaders(jobKeys),
    loadSourceReaders(jobKeys),
  ])
  return cursor => readScrapeConfigs(cursor, { stages, discoveries, sources, readsStdin })
}

/** Reads the list of jobs. Job names must be unique. */
function readScrapeConfigs(cursor: YamlCursor, readers: JobReaders): ScrapeConfig[] {
  const jobs: ScrapeConfig[] = []
  for (const item of cursor.items()) {
    const job = readJob(item, readers)
    if (!job) continue
    if (jobs.some(other => other.jobName === job.jobName)) {
      item.fail(`found multiple scrape configs with job name "${job.jobName}": rename one`)
    }
    jobs.push(job)
  }
  return jobs
}
