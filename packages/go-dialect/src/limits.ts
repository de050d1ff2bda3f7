// The bounds of this package, by room. They keep any text, pattern or template from hanging the process or
// filling its memory. Those of one execution of a template are at the end.

// Times

/** Maximum number of cached layouts. They may come from data. */
export const cachedLayoutsMax = 500

/** Longer layouts are not cached, so that the cache stays small. */
export const cachedLayoutCharsMax = 200

/** Cached hours per zone: two years of consecutive hours, some 1 MB. */
export const cachedHoursMax = 20_000

/** IANA has some 600 names. Any more can only be spellings in other cases. */
export const cachedZonesMax = 700

/** No zone has a longer name. Keeps the cache small. */
export const zoneNameCharsMax = 64

// Regular expressions: which run on V8's engine, and which are compiled at all

/** Longest text for V8 if a pattern may take quadratic time. */
export const quadraticLengthMax = 2_048

/** Longest text for V8 if a pattern may take cubic time. */
export const cubicLengthMax = 160

/** Longest pattern that errors show in full. Go has no such bound. */
export const shownPatternCharsMax = 1_000

/** Maximum loops, groups and assertions. */
export const nativeJumpsMax = 500

/**
 * Maximum `\pL`; one in a loop counts twice. Each doubles the work for text beyond Latin-1; ten took one
 * second.
 */
export const nativePropertiesMax = 6

/** Maximum word assertions of a pattern for V8. */
export const nativeWordAssertionsMax = 64

/** V8's compiler recurses for each part of a sequence. */
export const nativePartsMax = 3_000

/** Maximum word assertions between two characters: three to ten times the work of one, measured on Node 24. */
export const nativeWordRunMax = 4

/** Analysing a pattern takes time and stack in proportion to its depth. */
export const nativeDepthMax = 60

/** Maximum sum of the depths of all parts of a pattern for V8. */
export const nativeNodeDepthsMax = 1_000_000

/** Maximum factor by which loops multiply the work of a pattern. */
export const costFactorMax = 2_000

/** Maximum size of a set of first characters. The time to build one grows with the square. */
export const costSeenLengthMax = 200

/** Up to this count, repetitions are part of the factor. Beyond it they count as a loop. */
export const boundedRepeatMax = 32

/** Maximum cost of one pattern: some 50 ms on RE2JS. `x{1000}` costs 6,000, plain text 1 per character. */
export const patternCostMax = 60_000

/** Maximum cost of all patterns of a query. */
export const queryCostMax = 2 * patternCostMax

// Templates

/** Go accepts no larger width or precision. */
export const printfWidthMax = 1_000_000

/** Maximum cached patterns. More can only come from data. */
export const templateRegexesMax = 100

/** Longer patterns are compiled each time, so that the cache stays small. */
export const templateRegexCharsMax = 20_000

/** Maximum characters of a number, including leading zeros. */
export const integerCharsMax = 200

/** Maximum decimals of any float. The smallest float is 2^-1074. */
export const exactDecimalsMax = 1_100

/** What one execution of a template may use. Templates come from queries and configurations. */
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
