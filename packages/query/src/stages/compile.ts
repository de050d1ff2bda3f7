// Compiles a pipeline. Line filters on stored lines run over whole blocks; all other stages run on one line
// at a time. stage-table.ts defines how each kind of stage is compiled.

import type { Need } from '../pipeline/need.ts'
import { allLabels, type LabelNeeds, type RunStage } from '../pipeline/stage.ts'
import type { LabelFilter } from '../tokens/label-filter-syntax.ts'
import { createFieldParser, fieldNamesOf } from './field-parser.ts'
import { passesEveryLine } from './idle-terms.ts'
import { compileLabelFilter, isTextual } from './label-filter.ts'
import { probeNeeds } from './label-needs.ts'
import { compileLineFilter, type LineFilter } from './line-filter.ts'
import { type LineHint, lineHints } from './line-hints.ts'
import { needOf } from './row-needs.ts'
import { changesLine, definitionOf, type Stage } from './stage-table.ts'

/** A compiled pipeline. */
export interface Pipeline {
  /** Run first, on stored lines, cheapest first. */
  readonly blockFilters: readonly LineFilter[]
  /** Use only stream labels and metadata, so they run once per metadata set of a block. */
  readonly setFilters: readonly RunStage[]
  /** What a metadata set must have to pass `setFilters`, if anything is known. */
  readonly setNeed: Need | undefined
  /** Texts that a line must contain to pass later stages. */
  readonly hints: readonly LineHint[]
  /**
   * The stages up to the last filter, with only the labels these need. A line that fails here is dropped
   * early.
   */
  readonly probes: readonly RunStage[]
  /** Run in order on each remaining line. */
  readonly stages: readonly RunStage[]
  /** The stages that `stages` was compiled from. */
  readonly lineStages: readonly Stage[]
}

/** Compiles a pipeline, given the labels used after it. */
export function compilePipeline(stages: readonly Stage[], needs: LabelNeeds = allLabels): Pipeline {
  const ordered = reorderStages(stages)
  const changer = ordered.findIndex(changesLine)
  const blockFilters: LineFilter[] = []
  const setFilters: RunStage[] = []
  const setStages: Stage[] = []
  const others: Stage[] = []
  for (const [i, stage] of ordered.entries()) {
    if (stage.kind === 'lineFilter' && passesEveryLine(stage)) continue
    // Before the first stage that changes lines, it does not matter where a filter is.
    if (stage.kind === 'lineFilter' && (changer < 0 || i < changer)) {
      blockFilters.push(compileLineFilter(stage))
    } else if (stage.kind === 'labelFilter' && others.length === 0 && isTextual(stage.filter)) {
      setFilters.push(compileLabelFilter(stage.filter))
      setStages.push(stage)
    } else others.push(stage)
  }
  blockFilters.sort((a, b) => a.cost - b.cost)
  return {
    blockFilters,
    setFilters,
    setNeed: needOf(setStages),
    hints: lineHints(stages),
    probes: needs.names ? [] : compileProbes(others),
    stages: others.map(stage => compileStage(stage, needs)),
    lineStages: others,
  }
}

// If the result needs all labels, filters that use only a few may still drop most lines. Parse those labels
// first, and the others only for lines that pass.
function compileProbes(stages: readonly Stage[]): RunStage[] {
  const lastFilter = stages.findLastIndex(
    ({ kind }) => kind === 'labelFilter' || kind === 'lineFilter',
  )
  const probed = stages.slice(0, lastFilter + 1)
  const needs = probed.length > 1 ? probeNeeds(probed) : undefined
  return needs ? probed.map(stage => compileStage(stage, needs)) : []
}

function compileStage(stage: Stage, needs: LabelNeeds): RunStage {
  const definition = definitionOf(stage)
  const run = definition.compile(stage, needs)
  const names = fieldNamesOf(needs)
  const reader =
    names && definition.fields?.(stage, { names, sampled: -1, areAll: needs.stopsEarly })
  return names && reader ? createFieldParser({ run, reader, names }) : run
}

/** Compiles the filters after an `unwrap`. */
export function compileFilters(filters: readonly LabelFilter[]): RunStage[] {
  return filters.map(compileLabelFilter)
}

// Loki moves line filters before other stages, back to the last label filter, `line_format` or `unpack`. It
// matters only after `decolorize`: such a filter sees the coloured line.
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
