// Limits of one template execution. Templates come from queries and configurations. These limits keep them
// from hanging the process or filling its memory.

export const templateLimits = {
  /** Maximum output of one execution, in UTF-16 units. */
  outputCharsMax: 1024 * 1024,
  /** Maximum length of a text that a function creates, in UTF-16 units. */
  valueCharsMax: 1024 * 1024,
  /** Maximum items of a list or dictionary that a function creates. */
  itemCountMax: 100_000,
  /** Maximum loop rounds and template calls of one execution, in total. */
  iterationCountMax: 100_000,
  /**
   * Maximum characters and items that the functions of one execution read and write, plus the nodes that its
   * loops and templates run. A few seconds at worst.
   */
  workMax: 16 * 1024 * 1024,
  /** Maximum depth of templates that call each other. */
  callDepthMax: 100,
  /** Maximum nesting of lists and dictionaries that are read, printed or compared. */
  valueDepthMax: 500,
  /** Maximum nesting of parentheses and control structures in the text of a template. */
  syntaxDepthMax: 400,
  /** Maximum length of the text of a template, in UTF-16 units. */
  sourceCharsMax: 1024 * 1024,
} as const
