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
} from './log-source.ts'
