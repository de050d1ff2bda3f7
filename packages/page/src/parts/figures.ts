// Numbers as people read them.

/** Formats a count: 12,345 or 1.2M. */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return String(count)
  if (count < 100_000) return count.toLocaleString('en-US', { maximumFractionDigits: 1 })
  if (count < 1e6) return `${Math.round(count / 1e3)}k`
  if (count < 1e9) return `${(count / 1e6).toFixed(1)}M`
  return `${(count / 1e9).toFixed(1)}G`
}

/** Formats bytes with units of 1024. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']
  let size = bytes
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}

/** Formats a span of seconds: 850 µs, 12 ms, 3.4 s, 5 min, 2 h, 3 d. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`
  if (seconds < 1) return `${round(seconds * 1e3)} ms`
  if (seconds < 60) return `${round(seconds)} s`
  if (seconds < 3600) return `${round(seconds / 60)} min`
  if (seconds < 86_400 * 2) return `${round(seconds / 3600)} h`
  return `${round(seconds / 86_400)} d`
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10)
}

/** Formats a sample of a metric query: at most four digits that count. */
export function formatSample(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 100_000) return formatCount(value)
  return String(Number(value.toPrecision(4)))
}
