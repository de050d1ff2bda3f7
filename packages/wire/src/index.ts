export type { Entry, Stream } from './entry.ts'
export { LabelSyntaxError, PushBodyError } from './errors.ts'
export { quoteGoString, unquoteGoBytes, unquoteGoString } from './go-string.ts'
export {
  compareLabelSets,
  createLabelSet,
  formatLabelSet,
  hashLabelSet,
  isLabelName,
  type Label,
  type LabelSet,
  labelSetToObject,
  labelValue,
  parseLabelSet,
} from './labels.ts'
export { formatMatcher, formatSelector, type Matcher, type MatcherOp } from './matcher.ts'
export {
  formatGoDuration,
  formatPrometheusDuration,
  formatRfc3339,
  nsPerMs,
  nsPerSecond,
  parseGoDuration,
  parsePrometheusDuration,
  parseRfc3339,
} from './time.ts'
export { formatLogqlBytes, parseConfigBytes, parseLogqlBytes } from './units.ts'
