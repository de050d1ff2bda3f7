export {
  type DetectedField,
  type DetectedFieldsRequest,
  detectFields,
  detectFieldValues,
  type FieldParser,
  type FieldType,
  isUsefulLabel,
} from './detected-fields.ts'
export { type QueryResult, runQuery, type VectorSample } from './engine.ts'
export {
  LimitExceededError,
  LogqlKindError,
  LogqlPipelineError,
  LogqlSyntaxError,
  VectorMatchingError,
} from './errors.ts'
export { mergeLeafResults, openLeafScanner } from './leaf/leaf.ts'
export { VolumeTable, volumeBytes } from './leaf/volume-table.ts'
export { defaultQueryLimits, type QueryLimits } from './limits.ts'
export type {
  BlockView,
  Direction,
  Leaf,
  LeafResult,
  LeafScanner,
  LinesColumn,
  LogLeaf,
  LogSource,
  MetadataColumn,
  SampleLeaf,
  ScanStats,
  StepGrid,
  VolumeGrouping,
  VolumeLeaf,
} from './log-source.ts'
export type { Series } from './metric-query/series.ts'
export {
  type LinePattern,
  type PatternRequest,
  type PatternResult,
  runPatterns,
} from './patterns/pattern-query.ts'
export { createPause, type Pause } from './pause.ts'
export { type CategorizedLabels, unionLabels } from './pipeline/labels.ts'
export type { QueryRequest, ResultEntry } from './query-run.ts'
export {
  formatQueryResult,
  formatResultData,
  type ResultFormat,
  sampleText,
  secondsText,
} from './result-format.ts'
export { RowMatcher } from './row-matcher.ts'
export type { Expr, LogExpr, MetricExpr } from './syntax/ast.ts'
export { parseLogql, parseMatchers, parseSelector } from './syntax/parser.ts'
export { formatLogql, formatLogqlPretty } from './syntax/printer.ts'
export {
  formatDroppedEntry,
  formatTailEntry,
  formatTailFrame,
  type TailEntryText,
  type TailForm,
} from './tail-format.ts'
export { TailScanner } from './tail-scanner.ts'
export {
  type IndexStats,
  runIndexStats,
  runVolume,
  type VolumePoint,
  type VolumeRequest,
  type VolumeResult,
  type VolumeSeries,
} from './volume.ts'
