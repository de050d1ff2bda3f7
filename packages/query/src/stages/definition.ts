// What a stage is to the language. One file a stage, one row for it in stage-table.ts: parser, printer,
// checks, planner and pipeline know a stage by its row alone.

import type { Matcher } from '@skald/wire'
import type { FieldNames, FieldReader } from '../fields/field-reader.ts'
import type { LabelNeeds, RunStage } from '../pipeline/stage.ts'
import type { PrintStyle } from '../tokens/literal-text.ts'
import type { TokenReader } from '../tokens/token-reader.ts'

/** A matcher in a stage, and what the grammar expects in its place, as errors name it. */
export interface NamedMatcher {
  readonly matcher: Matcher
  readonly expected: string
}

/** Takes a regular expression; `anchored` ones have to match whole texts. */
export type VisitRegex = (pattern: string, options: { readonly anchored: boolean }) => void

/** One stage of LogQL; `S` is its data in the syntax tree, which survives a structured clone. */
export interface StageDefinition<S extends { readonly kind: string }> {
  readonly kind: S['kind']
  /** Types of the tokens it may begin with; words among them are words of the language. */
  readonly begins: readonly string[]
  /** Set if no `|` comes before it. */
  readonly isBare?: true
  /**
   * Reads the stage, from the token it begins with.
   *
   * @throws LogqlSyntaxError
   */
  parse(reader: TokenReader): S
  /** Writes the stage, with its `|`. */
  format(stage: S, style: PrintStyle): string
  /** @throws SyntaxError for what Loki finds while it parses a query. */
  checkParsed?(stage: S): void
  /** @throws SyntaxError for what Loki finds when it builds a pipeline; the error names the stage. */
  checkBuilt?(stage: S): void
  /** Calls `visit` with each regular expression of the stage. */
  regexes?(stage: S, visit: VisitRegex): void
  /** Returns the matchers on labels in it. */
  matchers?(stage: S): readonly NamedMatcher[]
  /** Makes the function that runs the stage on a line. */
  compile(stage: S, needs: LabelNeeds): RunStage
  /** Makes the reader of single fields, if the stage is a parser that has one; see fields/. */
  fields?(stage: S, wanted: FieldNames): FieldReader | undefined
  /**
   * Adds the labels that the stage looks at to decide about a line; returns false if it may look at any.
   * A stage without it looks at none.
   */
  addNeeds?(names: Set<string>, stage: S): boolean
  /** Whether it makes labels of parts of the line, as they are in the line. */
  readonly parsesLine?: true
  /** Whether it leaves the line alone, and the labels that earlier stages made. */
  readonly keepsFields?: true
  /** Whether it looks at the line. */
  readonly readsLine?: true
  /** Whether it may change the text of the line. */
  readonly changesLine?: true
  /** Whether line filters after it stay after it. Others run first, because they cost least. */
  readonly holdsFilters?: true
  /** Whether it may take away what tells two entries of a stream apart. */
  readonly mayMakeEqual?: true
  /** Whether it takes labels away. */
  removesLabels?(stage: S): boolean
}
