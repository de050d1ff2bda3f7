// Byte sizes in the two notations users meet. In the configuration of Loki and Promtail every unit
// is a power of 1024; in LogQL kB is 1000 and KiB is 1024.

import { quoteGoString } from '../text/go-string.ts'

const logqlUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
  p: 1e15,
  pb: 1e15,
  e: 1e18,
  eb: 1e18,
  ki: 1024,
  kib: 1024,
  mi: 1024 ** 2,
  mib: 1024 ** 2,
  gi: 1024 ** 3,
  gib: 1024 ** 3,
  ti: 1024 ** 4,
  tib: 1024 ** 4,
  pi: 1024 ** 5,
  pib: 1024 ** 5,
  ei: 1024 ** 6,
  eib: 1024 ** 6,
}

/**
 * Parses a byte size of LogQL: `5MB` (decimal), `5MiB` (binary), `1,024 kB`, `10` (bytes), in any
 * case. Truncates to whole bytes.
 * @throws SyntaxError when the number or unit is invalid.
 */
export function parseLogqlBytes(text: string): number {
  const match = /^([\d.,]+)\s*(.*)$/s.exec(text)
  const digits = match?.[1]?.replaceAll(',', '') ?? ''
  if (!match || !/^(\d+\.?\d*|\.\d+)$/.test(digits)) {
    throw new SyntaxError(`strconv.ParseFloat: parsing ${quoteGoString(digits)}: invalid syntax`)
  }
  const unit = logqlUnits[match[2]!.trim().toLowerCase()]
  if (unit === undefined)
    throw new SyntaxError(`unhandled size name: ${match[2]!.trim().toLowerCase()}`)
  return Math.trunc(Number(digits) * unit)
}

/** Formats a byte size with a decimal unit and at most two digits: `5.0MB`, `512B`, `82kB`. */
export function formatLogqlBytes(bytes: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']
  if (bytes < 10) return `${bytes}B`
  let exponent = Math.floor(Math.log(bytes) / Math.log(1000))
  if (bytes / 1000 ** exponent >= 1000) exponent++
  const value = Math.floor((bytes / 1000 ** exponent) * 10 + 0.5) / 10
  if (value < 10) return `${value.toFixed(1)}${names[exponent]}`
  // Rounds halves to even, like Go's formatting: 10.5 becomes 10.
  const half = Math.floor(value)
  const whole = value - half === 0.5 ? half + (half % 2) : Math.round(value)
  return `${whole}${names[exponent]}`
}

const configUnits: Readonly<Record<string, number>> = {
  '': 1,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
}

/**
 * Parses a byte size of Loki's and Promtail's configuration: `256KB`, `10GB`, `4mb`, `1024`. Every
 * unit is a power of 1024.
 * @throws SyntaxError when the number or unit is invalid.
 */
export function parseConfigBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*$/i.exec(text)
  const unit = match && configUnits[match[2]!.toUpperCase()]
  if (!match || unit == null) {
    throw new SyntaxError(`not a byte size: ${JSON.stringify(text)} (write it as 512KB or 10MB)`)
  }
  return Math.trunc(Number(match[1]) * unit)
}
