export { maxBigint, minBigint } from './bigint.ts'
export { BufferPool } from './buffer-pool.ts'
export { type CivilTime, civilTime, civilToNs, type GoLocation } from './civil-time.ts'
export {
  type ConfigProblem,
  formatProblem,
  nearestName,
  unknownKey,
  withoutRestOfStream,
} from './config-problem.ts'
export type { Entry, Stream } from './entry.ts'
export { DirectoryLockedError, LabelSyntaxError, PushBodyError } from './errors.ts'
export { type Environment, expandEnvironment, expansionNotes } from './expand-env.ts'
export { privateDirectoryMode, privateFileMode } from './file-modes.ts'
export {
  FlagError,
  type FlagValues,
  formatGoFlags,
  type GoFlag,
  type GoFlagKind,
  parseGoFlags,
} from './go-flags.ts'
export { quoteGoString, unquoteGoBytes, unquoteGoString } from './go-string.ts'
export { type GoTime, type ParseGoTimeOptions, parseGoTime } from './go-time.ts'
export { formatGoTime } from './go-time-format.ts'
export { goTimeLayouts, layoutParts, monthNames, weekdayNames } from './go-time-layout.ts'
export { decodeJsonPush, decodeLegacyJsonPush } from './json-push.ts'
export {
  compareLabelSets,
  createLabelSet,
  createMetadata,
  formatLabelSet,
  hashLabelSet,
  isLabelName,
  type Label,
  type LabelSet,
  labelSetToObject,
  labelValue,
  normaliseLabelName,
  parseLabelPairs,
  parseLabelSet,
} from './labels.ts'
export { formatMatcher, formatSelector, type Matcher, type MatcherOp } from './matcher.ts'
export {
  defaultOtlpLabelAttributes,
  type OtlpAction,
  type OtlpDecoding,
  type OtlpMapping,
  otlpNestingMax,
} from './otlp-mapping.ts'
export { makePrivateDirectory } from './private-directory.ts'
export { BatchStream, PushBatchEncoder } from './push-batch-encoder.ts'
export { type PushStream, PushStreamBuilder } from './push-stream.ts'
export { snappyCompress, snappyDecompress, snappyExpansionMax } from './snappy.ts'
export { explainSystemError, type WaysOut } from './system-errors.ts'
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
export { isTimeZone } from './time-zone.ts'
export { formatLogqlBytes, parseConfigBytes, parseLogqlBytes } from './units.ts'
export { writeVarint } from './varint.ts'
