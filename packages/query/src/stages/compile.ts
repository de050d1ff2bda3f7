// A pipeline as something to run: line filters that see the stored lines go over whole blocks, all other
// stages over one line at a time. stage-table.ts says how each kind of stage is compiled.

import { allLabels, type LabelNeeds, type RunStage } from '../pipeline/stage.ts'
import type { LabelFilter } from '../tokens/label-filter-syntax.ts'
import { compileLabelFilter } from './label-filter.ts'
import { probeNeeds } from './label-needs.ts'
import { compileLineFilter, type LineFilter } from './line-filter.ts'
import { type LineHint, lineHints } from './line-hints.ts'
import { definitionOf, type Stage } from './stage-table.ts'

/** A pipeline ready to run. */
export interface Pipeline {
  /** Run first, over the lines as they are stored; cheap ones first. */
  readonly blockFilters: readonly LineFilter[]
  /** Looks at stream labels and metadata only: run once for each metadata set of a block. */
  readonly setFilters: readonly RunStage[]
  /** Texts that lines need for later stages to let them through. */
  readonly hints: readonly LineHint[]
  /** The stages up to the last filter with the labels these need; such as fail here need not run. */
  readonly probes: readonly RunStage[]
  /** Run in order on each line that is left. */
  readonly stages: readonly RunStage[]
  /** What `stages` were made from. */
  readonly lineStages: readonly Stage[]
}

/** Compiles a pipeline, given the labels that are looked at behind it. */
export function compilePipeline(stages: readonly Stage[], needs: LabelNeeds = allLabels): Pipeline {
  const ordered = reorderStages(stages)
  const changer = ordered.findIndex(changesLine)
  const blockFilters: LineFilter[] = []
  const setFilters: RunStage[] = []
  const others: Stage[] = []
  for (const [i, stage] of ordered.entries()) {
    // Nothing in front of the first stage that changes lines can tell where the filter stands.
    if (stage.kind === 'lineFilter' && (changer < 0 || i < changer)) {
      blockFilters.push(compileLineFilter(stage))
    } else if (stage.kind === 'labelFilter' && others.length === 0 && isTextual(stage.filter)) {
      setFilters.push(compileLabelFilter(stage.filter))
    } else others.push(stage)
  }
  blockFilters.sort((a, b) => a.cost - b.cost)
  return {
    blockFilters,
    setFilters,
    hints: lineHints(stages),
    probes: needs.names ? [] : compileProbes(others),
    stages: others.map(stage => compileStage(stage, needs)),
    lineStages: others,
  }
}

// Where all labels of the result are wanted, most lines may still be dropped by filters that look at a
// few: these are parsed first, and the others only of lines that pass.
function compileProbes(stages: readonly Stage[]): RunStage[] {
  const lastFilter = stages.findLastIndex(({ kind }) => kind === 'labelFilter')
  const probed = stages.slice(0, lastFilter + 1)
  const needs = probed.length > 1 ? probeNeeds(probed) : undefined
  return needs ? probed.map(stage => compileStage(stage, needs)) : []
}

function compileStage(stage: Stage, needs: LabelNeeds): RunStage {
  return definitionOf(stage).compile(stage, needs)
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

/** Returns whether a stage may change the text of a line. */
export function changesLine(stage: Stage): boolean {
  return definitionOf(stage).changesLine ?? false
}

// Loki moves line filters in front of the other stages, back to the last label filter, `line_format`
// or `unpack`. It matters behind `decolorize` only: such a filter sees the coloured line.
function reorderStages(stages: readonly Stage[]): Stage[] {
  const ordered: Stage[] = []
  let filters: Stage[] = []
  let others: Stage[] = []
  const flush = () => {
    ordered.push(...filters, ...others)
    filters = []
    others = []
  }
  for (const stage of stages) {
    if (stage.kind === 'lineFilter') filters.push(stage)
    else {
      if (stage.kind === 'labelFilter') flush()
      others.push(stage)
      if (definitionOf(stage).holdsFilters) flush()
    }
  }
  flush()
  return ordered
}
