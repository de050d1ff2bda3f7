// The job of -stdin: standard input with the first job's labels, rules and stages.

import type { Readable } from 'node:stream'
import { stdinSource } from '../sources/stdin.ts'
import type { ScrapeConfig } from './scrape.ts'

/** Makes the job that reads standard input from the first job of a configuration, if there is one. */
export function stdinJob(
  first: ScrapeConfig | undefined,
  options: { readonly input: Readable; readonly hostname: string; readonly onEnd: () => void },
): ScrapeConfig {
  const { input, hostname, onEnd } = options
  const labels =
    first?.staticConfigs[0]?.labels ??
    new Map([
      ['job', 'stdin'],
      ['hostname', hostname],
    ])
  const source = stdinSource({ input, labels, onEnd })
  return {
    ...{ jobName: 'stdin', line: 0, isSound: true, stages: [], relabelRules: [] },
    ...{ addsPathLabels: false, encoding: undefined, decompression: undefined },
    ...first,
    ...{ identity: 'stdin', staticConfigs: [], discoveries: [], source },
  }
}
