// Runs lines through the stages of a configuration, as if from a file.

import { parseYaml } from '@skald/config-reading'
import { LabelState } from '../../src/line/label-state.ts'
import { LineOrigin } from '../../src/line/line-origin.ts'
import { Pipeline } from '../../src/pipeline/pipeline.ts'
import { loadStageReader } from '../../src/pipeline/registry.ts'
import type { StageContext } from '../../src/pipeline/stage.ts'

const metric = {
  isCounter: true,
  maxIdleMs: 0,
  begin: () => undefined,
  release: () => {},
  update: () => {},
}
/** A context for stages, without any effect. */
export const stageContext: StageContext = {
  jobName: 'test',
  nowMs: () => Date.UTC(2024, 0, 1),
  wallMs: () => Date.UTC(2024, 0, 1),
  countDropped: () => {},
  countDroppedByLabel: () => {},
  customMetrics: { counter: () => metric, gauge: () => metric, histogram: () => metric },
  warn: () => {},
}

/** Options of a run. */
export interface RunOptions {
  /** Ends the file, so that stages pass on what they hold. */
  readonly finishes?: boolean
  /** Parts of the context that the test inspects. */
  readonly context?: Partial<StageContext>
  readonly env?: Readonly<Record<string, string>>
  /** Encoding of the resulting bytes. */
  readonly encoding?: BufferEncoding
  /** Milliseconds to advance the clock before calling the stages' tick. */
  readonly tickMs?: number
}

/** Runs lines through stages. Returns `labels time line` for each result, with metadata at the end. */
export async function runStages(
  stagesText: string,
  lines: readonly (string | Buffer)[],
  { finishes = false, context: more = {}, env = {}, encoding = 'utf8', tickMs }: RunOptions = {},
): Promise<string[]> {
  const { root, problems } = parseYaml(stagesText)
  const readStages = await loadStageReader([root], env)
  const stages = readStages(root)!.map(create => create({ ...stageContext, ...more }))
  if (problems[0]) throw new Error(problems[0].message)
  const out: string[] = []
  const pipeline = new Pipeline(stages, {
    add: ({ labels, seconds, nanos, bytes, start, end, metadata = [] }) => {
      const line = Buffer.from(bytes.subarray(start, end)).toString(encoding)
      const pairs = metadata.map(({ name, value }) => ` ${name}=${value}`).join('')
      out.push(`${labels.text} ${seconds}.${nanos} ${line}${pairs}`)
    },
  })
  const origin = new LineOrigin({ name: 'f', readTime: offset => BigInt(offset) })
  const consumer = pipeline.open(origin, new LabelState(new Map([['job', 'j']])))
  let offset = 0
  for (const line of lines) {
    const bytes = Buffer.from(line)
    consumer.consume(bytes, 0, bytes.length, offset)
    offset += bytes.length + 1
  }
  if (tickMs !== undefined) pipeline.tick(stageContext.nowMs() + tickMs)
  if (finishes) pipeline.finish(origin)
  return out
}
