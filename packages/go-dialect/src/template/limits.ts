// What one execution of a template may use. Templates come from queries and configurations; these
// bounds keep any of them from hanging the process or filling its memory.

export const templateLimits = {
  /** Length of the output of one execution, in UTF-16 units. */
  outputCharsMax: 1024 * 1024,
  /** Length of one text that a function makes, in UTF-16 units. */
  valueCharsMax: 1024 * 1024,
  /** Items of one list or dictionary that a function makes. */
  itemCountMax: 100_000,
  /** Rounds of all `range` loops and calls of templates of one execution together. */
  iterationCountMax: 100_000,
  /**
   * Characters and items that all functions of one execution read and write together, and nodes that
   * its loops and templates run: some seconds at the worst.
   */
  workMax: 16 * 1024 * 1024,
  /** Templates that call each other. */
  callDepthMax: 100,
  /** Lists and dictionaries inside each other, in values that are read, printed or compared. */
  valueDepthMax: 500,
  /** Parentheses and control structures inside each other in the text of a template. */
  syntaxDepthMax: 400,
  /** Length of the text of a template, in UTF-16 units. */
  sourceCharsMax: 1024 * 1024,
} as const
