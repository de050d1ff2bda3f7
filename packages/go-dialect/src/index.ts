export { FlagError } from './errors.ts'
export {
  type FlagValues,
  formatGoFlags,
  type GoFlag,
  type GoFlagKind,
  parseGoFlags,
} from './go-flags.ts'
export { maxBigint, minBigint } from './number/bigint.ts'
export { formatLogqlBytes, parseConfigBytes, parseLogqlBytes } from './number/byte-size.ts'
export { quoteGoString, unquoteGoString } from './text/go-string.ts'
export { civilTime, civilToNs } from './time/civil-time.ts'
export { parseGoTime } from './time/go-time.ts'
export { formatGoTime } from './time/go-time-format.ts'
export { goTimeLayouts, layoutParts } from './time/go-time-layout.ts'
export {
  formatDurationMs,
  formatGoDuration,
  formatPrometheusDuration,
  formatRfc3339,
  nsPerMs,
  nsPerSecond,
  parseGoDuration,
  parsePrometheusDuration,
  parseRfc3339,
} from './time/time.ts'
export { isTimeZone } from './time/time-zone.ts'
