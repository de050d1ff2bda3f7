// Defines what a stage is. Each stage has its own file, and a row in stage-table.ts. Parser, printer,
// checks, planner and pipeline use only that row.

import type { Matcher } from '@skald/wire'
import type { FieldNames, FieldReader } from '../fields/field-reader.ts'
import type { LabelNeeds, RunStage } from '../pipeline/stage.ts'
import type { PrintStyle } from '../tokens/literal-text.ts'
import type { TokenReader } from '../tokens/token-reader.ts'

/** A matcher in a stage, and what the grammar expects at its place, for error texts. */
export interface NamedMatcher {
  readonly matcher: Matcher
  readonly expected: string
}

/** Receives a regular expression. With `anchored` it must match whole texts. */
export type VisitRegex = (pattern: string, options: { readonly anchored: boolean }) => void

/** One stage of LogQL. `S` is its data in the syntax tree, which survives a structured clone. */
export interface StageDefinition<S extends { readonly kind: string }> {
  readonly kind: S['kind']
  /** Types of the tokens it may begin with. Words among them become keywords. */
  readonly begins: readonly string[]
  /** Set if it is written without a `|`. */
  readonly isBare?: true
  /**
   * Reads the stage, starting at its first token.
   *
   * @throws LogqlSyntaxError
   */
  parse(reader: TokenReader): S
  /** Writes the stage, including its `|`. */
  format(stage: S, style: PrintStyle): string
  /** @throws SyntaxError for errors that Loki finds while parsing a query. */
  checkParsed?(stage: S): void
  /** @throws SyntaxError for errors that Loki finds while building a pipeline. The error names the stage. */
  checkBuilt?(stage: S): void
  /** Calls `visit` with each regular expression of the stage. */
  regexes?(stage: S, visit: VisitRegex): void
  /** Returns its label matchers. */
  matchers?(stage: S): readonly NamedMatcher[]
  /** Compiles the stage. */
  compile(stage: S, needs: LabelNeeds): RunStage
  /** Creates a reader of single fields (fields/), if the stage is a parser that has one. */
  fields?(stage: S, wanted: FieldNames): FieldReader | undefined
  /**
   * Adds the labels that the stage uses to keep or drop a line. Returns false if it may use any. A stage
   * without this method uses none.
   */
  addNeeds?(names: Set<string>, stage: S): boolean
  /** Whether it turns parts of the line into labels unchanged. */
  readonly parsesLine?: true
  /** Whether it keeps the line, and the labels from earlier stages, unchanged. */
  readonly keepsFields?: true
  /** Whether it reads the line. */
  readonly readsLine?: true
  /** Whether it may change the text of the line. */
  readonly changesLine?: true
  /**
   * Whether line filters after it must stay after it. Otherwise they run first, because they are cheapest.
   */
  readonly holdsFilters?: true
  /** Whether it may remove what distinguishes two entries of a stream. */
  readonly mayMakeEqual?: true
  /**
   * Returns true if it reads only stream labels and structured metadata, so that rows with equal labels have
   * equal results, and sets no errors.
   */
  readsOnlyLabels?(stage: S): boolean
  /** Returns true if the stage removes labels. */
  removesLabels?(stage: S): boolean
}
