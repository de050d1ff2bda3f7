export { BufferPool, freeBuffer } from './buffer-pool.ts'
export { csvCell } from './csv-cell.ts'
export type { Entry, Stream } from './entry.ts'
export { DirectoryLockedError, LabelSyntaxError, PushBodyError } from './errors.ts'
export { privateDirectoryMode, privateFileMode } from './file-modes.ts'
export { gapLinePrefix, gapNames } from './gap-marker.ts'
export { jsonEscapes } from './json-escapes.ts'
export { decodeJsonPush, decodeLegacyJsonPush } from './json-push.ts'
export {
  compareLabelNames,
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
export { otlpNestingMax, snappyExpansionMax } from './limits.ts'
export { type LogFormat, type LogLevel, logFormats, logLevels } from './log-settings.ts'
export { formatMatcher, formatSelector, type Matcher, type MatcherOp } from './matcher.ts'
export { ascending } from './order.ts'
export {
  defaultOtlpLabelAttributes,
  type OtlpAction,
  type OtlpDecoding,
  type OtlpMapping,
} from './otlp-mapping.ts'
export { makePrivateDirectory } from './private-directory.ts'
export { BatchStream, PushBatchEncoder } from './push-batch-encoder.ts'
export { freePushColumns, type PushStream, PushStreamBuilder } from './push-stream.ts'
export {
  snappyCodec,
  snappyCompress,
  snappyCompressPieces,
  snappyDecompress,
  snappyDecompressedBytes,
} from './snappy.ts'
export { explainSystemError, type WaysOut } from './system-errors.ts'
export { type Colours, coloursFor, noColours } from './terminal-colours.ts'
export { type Rate, TokenBucket } from './token-bucket.ts'
export { writeVarint } from './varint.ts'
