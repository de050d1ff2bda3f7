// A pipeline as something to run: line filters that see the stored lines go over whole blocks, all other
// stages over one line at a time. Each kind of stage is one row of the table below.

import { type LineHint, lineHints } from '../plan/line-hints.ts'
import type { LabelFilter, Stage } from '../syntax/ast.ts'
import { compileDecolorize } from './decolorize.ts'
import { compileDropKeep } from './drop-keep.ts'
import { compileJson } from './json.ts'
import { compileLabelFilter } from './label-filter.ts'
import { compileLabelFormat } from './label-format.ts'
import { compileLineFilter, type LineFilter } from './line-filter.ts'
import { compileLineFormat } from './line-format.ts'
import { compileLogfmt } from './logfmt.ts'
import { compilePattern } from './pattern.ts'
import { compileRegexp } from './regexp.ts'
import { allLabels, type LabelNeeds, type RunStage } from './stage.ts'
import { compileUnpack } from './unpack.ts'

/** A pipeline ready to run. */
export interface Pipeline {
  /** Run first, over the lines as they are stored; cheap ones first. */
  readonly blockFilters: readonly LineFilter[]
  /** Looks at stream labels and metadata only: run once for each metadata set of a block. */
  readonly setFilters: readonly RunStage[]
  /** Texts that lines need for later stages to let them through. */
  readonly hints: readonly LineHint[]
  /** Run in order on each line that is left. */
  readonly stages: readonly RunStage[]
}

type StageKind = Stage['kind']
type StageOf<K extends StageKind> = Extract<Stage, { kind: K }>
type Compilers = {
  readonly [K in StageKind]: (stage: StageOf<K>, needs: LabelNeeds) => RunStage
}

const compilers: Compilers = {
  lineFilter: stage => {
    const filter = compileLineFilter(stage)
    return line => filter.testLine(line.text)
  },
  labelFilter: stage => compileLabelFilter(stage.filter),
  json: compileJson,
  logfmt: compileLogfmt,
  regexp: compileRegexp,
  pattern: compilePattern,
  unpack: compileUnpack,
  lineFormat: compileLineFormat,
  labelFormat: compileLabelFormat,
  decolorize: compileDecolorize,
  drop: compileDropKeep,
  keep: compileDropKeep,
}

/**
 * Compiles a pipeline and the filters behind its `unwrap`.
 *
 * @param needsOf labels that are looked at behind the stage of an index.
 */
export function compilePipeline(
  stages: readonly Stage[],
  needsOf: (index: number) => LabelNeeds = () => allLabels,
): Pipeline {
  const ordered = reorderStages(stages.map((stage, index) => ({ stage, index })))
  const changer = ordered.findIndex(({ stage }) => changesLine(stage))
  const blockFilters: LineFilter[] = []
  const setFilters: RunStage[] = []
  const runs: RunStage[] = []
  for (const [i, { stage, index }] of ordered.entries()) {
    // Nothing in front of the first stage that changes lines can tell where the filter stands.
    if (stage.kind === 'lineFilter' && (changer < 0 || i < changer)) {
      blockFilters.push(compileLineFilter(stage))
    } else if (stage.kind === 'labelFilter' && runs.length === 0 && isTextual(stage.filter)) {
      setFilters.push(compileLabelFilter(stage.filter))
    } else runs.push(compileStage(stage, needsOf(index)))
  }
  blockFilters.sort((a, b) => a.cost - b.cost)
  return { blockFilters, setFilters, hints: lineHints(stages), stages: runs }
}

function compileStage<K extends StageKind>(stage: StageOf<K>, needs: LabelNeeds): RunStage {
  const compiler = compilers[stage.kind as K]
  return compiler(stage, needs)
}

/** Compiles the filters that stand behind an `unwrap`. */
export function compileFilters(filters: readonly LabelFilter[]): RunStage[] {
  return filters.map(compileLabelFilter)
}

// Comparisons of numbers may set errors, which belong to a line.
function isTextual(filter: LabelFilter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') {
    return isTextual(filter.left) && isTextual(filter.right)
  }
  return filter.kind === 'matcher'
}

/** Tells whether a stage may change the text of a line. */
export function changesLine({ kind }: Stage): boolean {
  return kind === 'lineFormat' || kind === 'unpack' || kind === 'decolorize'
}

interface Placed {
  readonly stage: Stage
  readonly index: number
}

// Loki moves line filters in front of the other stages, back to the last label filter, `line_format`
// or `unpack`. It matters behind `decolorize` only: such a filter sees the coloured line.
function reorderStages(stages: readonly Placed[]): Placed[] {
  const ordered: Placed[] = []
  let filters: Placed[] = []
  let others: Placed[] = []
  const flush = () => {
    ordered.push(...filters, ...others)
    filters = []
    others = []
  }
  for (const placed of stages) {
    const { kind } = placed.stage
    if (kind === 'lineFilter') filters.push(placed)
    else {
      if (kind === 'labelFilter') flush()
      others.push(placed)
      if (kind === 'labelFilter' || kind === 'lineFormat' || kind === 'unpack') flush()
    }
  }
  flush()
  return ordered
}
