// Checks the patterns and expressions inside one pipeline stage. Some errors belong to the parser and
// have no prefix, the others name the stage, as in Loki.

import { LogqlSyntaxError } from '../errors.ts'
import { definitionOf, type Stage } from '../stages/stage-table.ts'
import { formatStage } from './printer.ts'

/**
 * Checks a stage; errors that Loki finds while it parses come with `phase` parse, the others (which
 * name the stage) with build.
 *
 * @throws LogqlSyntaxError
 */
export function checkStage(stage: Stage, phase: 'parse' | 'build'): void {
  const definition = definitionOf(stage)
  try {
    if (phase === 'parse') definition.checkParsed?.(stage)
    else definition.checkBuilt?.(stage)
  } catch (error) {
    const why = (error as Error).message
    if (!(error instanceof SyntaxError)) throw error
    if (phase === 'parse') throw new LogqlSyntaxError(why, { cause: error })
    throw new LogqlSyntaxError(`stage '${formatStage(stage)}' : ${why}`, { cause: error })
  }
}
