// Answers as comparable figures: LogQL's JSON and LogsQL's JSON lines become the same map, so that
// two servers either agree or do not.

/** Key (a label's value, or a line) → figure (a sum, a quantile, or how often the line is there). */
export type Figures = ReadonlyMap<string, number>

/** How to read an answer. */
export type AnswerForm =
  /** Counts each line. */
  | { readonly kind: 'lines' }
  /** Sums up the samples by the first of these labels that a series has. */
  | { readonly kind: 'sums'; readonly by: readonly string[]; readonly scale?: number }

/** Key for series without the label, and for levels that nobody knows. */
const unknownKey = 'unknown'

interface LogqlResult {
  readonly metric?: Readonly<Record<string, string>>
  readonly value?: readonly [number, string]
  readonly values?: readonly (readonly [string | number, string, ...unknown[]])[]
}

/** Reads an answer of Loki's API. `scale` multiplies each sample. */
export function readLogqlFigures(body: string, form: AnswerForm): Figures {
  const { data } = JSON.parse(body) as { data: { result: readonly LogqlResult[] } }
  const figures = new Map<string, number>()
  for (const { metric = {}, value, values = [] } of data.result) {
    if (form.kind === 'lines') {
      for (const [, line] of values) add(figures, line, 1)
      continue
    }
    const key = keyOf(metric, form.by)
    const samples = value ? [value] : values
    for (const [, sample] of samples) add(figures, key, Number(sample) * (form.scale ?? 1))
  }
  return figures
}

/** Reads an answer of VictoriaLogs: a JSON object on each line, with the figure in `n`. */
export function readLogsqlFigures(body: string, form: AnswerForm): Figures {
  const figures = new Map<string, number>()
  for (const text of body.split('\n')) {
    if (text === '') continue
    const row = JSON.parse(text) as Readonly<Record<string, string>>
    if (form.kind === 'lines') add(figures, row._msg ?? '', 1)
    else add(figures, keyOf(row, form.by), parseFigure(row.n ?? ''))
  }
  return figures
}

function keyOf(labels: Readonly<Record<string, string>>, by: readonly string[]): string {
  const value = by.map(name => labels[name]).find(text => text !== undefined && text !== '')
  return (value ?? unknownKey).toLowerCase()
}

function add(figures: Map<string, number>, key: string, value: number): void {
  figures.set(key, (figures.get(key) ?? 0) + value)
}

/** VictoriaLogs keeps the unit of a duration that it picked. LogQL gives seconds. */
function parseFigure(text: string): number {
  const duration = /^([\d.]+)(ms|s)$/.exec(text)
  if (!duration) return Number(text)
  return Number(duration[1]) / (duration[2] === 'ms' ? 1000 : 1)
}

/**
 * Returns how `other` differs from `expected`, or undefined. Figures may differ by `tolerance`,
 * relative to the expected one.
 */
export function differenceOf(
  expected: Figures,
  other: Figures,
  tolerance: number,
): string | undefined {
  if (expected.size !== other.size) {
    return `${other.size} instead of ${expected.size} results`
  }
  for (const [key, figure] of expected) {
    const found = other.get(key)
    if (found === undefined) return `nothing for ${shorten(key)}`
    // Adding up in another order changes the last digits.
    const allowed = Math.abs(figure) * Math.max(tolerance, 1e-9)
    if (!(Math.abs(found - figure) <= allowed)) {
      return `${found} instead of ${figure} for ${shorten(key)}`
    }
  }
  return undefined
}

/** Returns the sum of all figures. */
export function sumOf(figures: Figures): number {
  return [...figures.values()].reduce((sum, figure) => sum + figure, 0)
}

function shorten(key: string): string {
  return JSON.stringify(key.length > 60 ? `${key.slice(0, 60)}…` : key)
}
