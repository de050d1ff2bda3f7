export type { Series } from './aggregation/series.ts'
export type {
  BlockView,
  Direction,
  LinesColumn,
  MetadataColumn,
  MetadataTable,
  ScanStats,
  StepGrid,
} from './blocks/block-view.ts'
export type { LevelCounts, RowCounts } from './blocks/row-counts.ts'
export { addScanStats, createScanStats, type MutableScanStats } from './blocks/stats.ts'
export type { Clock } from './clock.ts'
export {
  type DetectedField,
  type DetectedFieldsRequest,
  detectFields,
  detectFieldValues,
  type FieldParser,
  type FieldType,
  isUsefulLabel,
} from './detected-fields/detected-fields.ts'
export { type QueryResult, runQuery, type VectorSample } from './engine/engine.ts'
export { gapLeafOf, gapMarkOf } from './engine/gap-leaf.ts'
export { type LogWalk, type WalkServices, walkLogs } from './engine/log-walk.ts'
export {
  type LinePattern,
  type PatternRequest,
  type PatternResult,
  runPatterns,
} from './engine/pattern-query.ts'
export type { QueryRequest } from './engine/query-run.ts'
export {
  type IndexStats,
  runIndexStats,
  runVolume,
  type VolumePoint,
  type VolumeRequest,
  type VolumeResult,
  type VolumeSeries,
} from './engine/volume-query.ts'
export {
  LimitExceededError,
  LogqlKindError,
  LogqlPipelineError,
  LogqlSyntaxError,
  VectorMatchingError,
} from './errors.ts'
export {
  type ExportFormat,
  type ExportWriter,
  exportFormats,
  exportWriter,
} from './formats/export-format.ts'
export {
  formatQueryResult,
  formatResultData,
  type ResultFormat,
  sampleText,
  secondsText,
} from './formats/result-format.ts'
export {
  formatDroppedEntry,
  formatTailEntry,
  formatTailFrame,
  type TailEntryText,
  type TailForm,
} from './formats/tail-format.ts'
export { mergeLeafResults, openLeafScanner } from './leaf/leaf.ts'
export { type BoardSeat, createLimitBoard, type LimitBoard } from './leaf/limit-board.ts'
export { type ExpectedRows, resultBytesOf } from './leaf/result-bytes.ts'
export { RowMatcher } from './leaf/row-matcher.ts'
export { type CountedBlock, isCountable, SampleCounter } from './leaf/sample-counter.ts'
export { TailScanner } from './leaf/tail-scanner.ts'
export { VolumeTable, volumeBytes } from './leaf/volume-table.ts'
export { defaultQueryLimits, type QueryLimits } from './limits.ts'
export { type MemoryMeter, noMeter } from './memory-meter.ts'
export { createPause, type Pause } from './pause.ts'
export { type CategorizedLabels, unionLabels } from './pipeline/labels.ts'
export type { Need } from './pipeline/need.ts'
export { leafKey } from './plan/leaf-key.ts'
export { needOfLeaf, needOfLog } from './plan/leaf-need.ts'
export type { FoundGaps, GapMark, LeafResult, ResultEntry } from './plan/leaf-result.ts'
export type {
  Leaf,
  LeafScanner,
  LogLeaf,
  LogSource,
  SampleLeaf,
  VolumeGrouping,
  VolumeLeaf,
} from './plan/log-source.ts'
export { parseLogQuery, parseLogql, parseMatchers, parseSelector } from './syntax/parser.ts'
export { formatLogql, formatLogqlPretty } from './syntax/printer.ts'
export type { Expr, LogExpr, MetricExpr } from './syntax-tree/ast.ts'
export {
  chooseTenants,
  keptTenantLabel,
  storedName,
  tenantLabel,
  withTenant,
} from './tenants/tenant-label.ts'
export { leafOfTenant, mergeTenants, type TenantResult } from './tenants/tenant-leaf.ts'
