export { type ConfigKind, isOtherProgram, kindOfConfig, logFormatIn } from './config-kind.ts'
export {
  type ConfigProblem,
  formatProblem,
  nearestName,
  unknownKey,
} from './config-problem.ts'
export { ConfigError } from './errors.ts'
export { type Environment, expandEnvironment, expansionNotes } from './expand-env.ts'
export { type Kinds, loadKinds, loadReaders } from './kinds.ts'
export {
  type Bounds,
  invalidLabelName,
  readAnything,
  readBoolean,
  readBytes,
  readCount,
  readDurationMs,
  readExtendedNumber,
  readInteger,
  readLabelName,
  readLabels,
  readList,
  readLooseBoolean,
  readLooseCount,
  readLooseInteger,
  readLooseNumber,
  readNumber,
  readOneOf,
  readPeriodMs,
  readRefreshMs,
  readStrictText,
  readStrictTextMap,
  readText,
  readTextMap,
  readTexts,
  readWeakText,
  refuse,
  withinBounds,
} from './readers.ts'
export { parseWrittenDuration, parseWrittenTime } from './written-values.ts'
export {
  type CursorPair,
  defined,
  type FieldValues,
  parseYaml,
  type ValueReader,
  YamlCursor,
} from './yaml-cursor.ts'
