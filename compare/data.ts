// Generates lines from a seed that mix what stages treat differently: JSON, logfmt, packed lines,
// access logs, plain text, damaged ones of each, with and without metadata, within one stream.

import { Random } from '../bench/random.ts'

/** An entry of a JSON push. */
export type DataEntry = readonly [timeNs: string, line: string, metadata?: Record<string, string>]

export interface DataStream {
  readonly labels: Readonly<Record<string, string>>
  readonly entries: readonly DataEntry[]
}

/**
 * Time of the first line. Fixed, because servers reject future entries and recorded answers have
 * fixed times.
 */
export const startMs = Date.UTC(2026, 0, 15)
/** Time span of the lines. */
export const spanMs = 30 * 60_000

const entriesPerStream = 150

/** Names that lines, metadata and labels share, so that they collide. */
export const fieldNames = [
  ...['level', 'status', 'size', 'took', 'ip', 'msg', 'user', 'path', 'a_b', 'foo', 'n', 'empty'],
] as const

const kinds = [
  ...['json', 'json', 'nested', 'oddJson', 'logfmt', 'logfmt', 'oddLogfmt', 'access', 'packed'],
  ...['plain', 'coloured', 'addresses', 'odd'],
] as const

/** Generates the streams of a seed. */
export function createData(seed: number): DataStream[] {
  const random = new Random(seed)
  const streams: DataStream[] = []
  for (const app of ['web', 'mix', 'num', 'odd']) {
    for (const pod of ['p-0', 'p-1', 'p-2']) {
      const labels: Record<string, string> = { app, pod, job: `ns/${app}` }
      if (pod === 'p-1') labels.level = 'label-level'
      if (pod === 'p-2') labels.foo = 'label-foo'
      streams.push({ labels, entries: createEntries(random, app) })
    }
  }
  return streams
}

function createEntries(random: Random, app: string): DataEntry[] {
  const stepMs = Math.floor(spanMs / entriesPerStream)
  return Array.from({ length: entriesPerStream }, (_, i) => {
    // Streams of an app share times; entries of one stream do not.
    const timeMs = startMs + i * stepMs + (app === 'web' ? 0 : random.below(stepMs))
    const line = createLine(random, app)
    const metadata = createMetadata(random)
    return metadata ? [`${timeMs}000000`, line, metadata] : [`${timeMs}000000`, line]
  })
}

function createMetadata(random: Random): Record<string, string> | undefined {
  if (random.chance(0.6)) return undefined
  const metadata: Record<string, string> = {}
  for (let i = random.between(1, 3); i > 0; i--) {
    metadata[random.pick(['trace_id', 'status', 'foo', 'a_b', 'n', 'user'])] = anyValue(random)
  }
  return metadata
}

const words = [
  'get',
  'put',
  'user',
  'cache',
  'miss',
  'hit',
  'timeout',
  'ERROR',
  'warn',
  'done',
  'é',
  '日本',
]
const levels = ['info', 'warn', 'error', 'debug', 'ERROR', 'WARN', 'trace', 'fatal', 'critical']

function phrase(random: Random): string {
  return Array.from({ length: random.between(1, 5) }, () => random.pick(words)).join(' ')
}

function address(random: Random): string {
  return random.pick([
    ...['10.0.0.1', '10.1.2.3', '192.168.4.5', '172.16.0.9', '8.8.8.8', '::1', '2001:db8::5'],
    ...['256.1.1.1', '10.0.0', '10.0.0.1:8080', 'fe80::1%eth0'],
  ])
}

/** Returns a value that may be a number, a duration, a size, an address, or none of these. */
function anyValue(random: Random): string {
  return random.pick([
    () => String(random.below(600)),
    () => String(random.below(1000) / 10),
    () => `${random.below(900)}ms`,
    () => `${random.below(90)}s`,
    () => `1h${random.below(60)}m`,
    () => `${random.below(900)}KB`,
    () => `${random.below(90)}MiB`,
    () => `${random.below(1e6)}`,
    () => address(random),
    () => random.pick(levels),
    () => phrase(random),
    () => '',
    () =>
      random.pick([
        '0x1f',
        '-5',
        '+7',
        '1e3',
        'NaN',
        'Inf',
        '1_000',
        '.5',
        '5.',
        '0b11',
        'true',
        'null',
      ]),
  ])()
}

function fieldsOf(random: Random): [name: string, value: string][] {
  return Array.from({ length: random.between(2, 7) }, () => [
    random.pick(fieldNames),
    anyValue(random),
  ])
}

function jsonValue(random: Random): string {
  const value = anyValue(random)
  const isBare = /^-?\d+(\.\d+)?$/.test(value) || value === 'true' || value === 'null'
  return isBare && random.chance(0.7) ? value : JSON.stringify(value)
}

function jsonLine(random: Random): string {
  const pairs = fieldsOf(random).map(([name]) => `${JSON.stringify(name)}:${jsonValue(random)}`)
  return `{${pairs.join(',')}}`
}

function nestedLine(random: Random): string {
  const inner = jsonLine(random)
  return random.pick([
    `{"a":{"b":${jsonValue(random)}},"a_b":${jsonValue(random)},"user":${inner}}`,
    `{"list":[1,{"x":${inner}},"two"],"level":${jsonValue(random)}}`,
    `{"request":{"path":"/x","status":${random.below(600)},"user":{"id":"u${random.below(9)}"}}}`,
    `{"a.b":1,"a-b":2,"a b":3,"1a":4,"é":5,"":6,"level":"info"}`,
  ])
}

function oddJsonLine(random: Random): string {
  const line = jsonLine(random)
  return random.pick([
    line.slice(0, Math.max(1, random.below(line.length))),
    `${line} trailing`,
    `  ${line}`,
    `[${line}]`,
    '{}',
    '{"msg":"quote \\" and \\\\ and \\u00e9 and \\n end","level":"info"}',
    '{"__error__":"mine","status":"x"}',
    '{"level":{"nested":"info"}}',
    '"just text"',
    'null',
    `{'status':1}`,
  ])
}

function logfmtLine(random: Random): string {
  return fieldsOf(random)
    .map(([name, value]) =>
      /^[^\s"=]+$/.test(value) ? `${name}=${value}` : `${name}=${JSON.stringify(value)}`,
    )
    .join(' ')
}

function oddLogfmtLine(random: Random): string {
  return random.pick([
    `${logfmtLine(random)} bare`,
    `${logfmtLine(random)} x="open`,
    `${logfmtLine(random)} =novalue`,
    `a.b=1 a-b=2 1c=3 é=4 level=warn`,
    `status=1 status=2 level="with \\"quotes\\"" n=`,
    `msg="a=b c=d" status==5`,
    `level=info msg=caf\u00e9 path=/x?y=z`,
  ])
}

function createLine(random: Random, app: string): string {
  const kind = app === 'num' && random.chance(0.6) ? 'logfmt' : random.pick(kinds)
  switch (kind) {
    case 'json':
      return jsonLine(random)
    case 'nested':
      return nestedLine(random)
    case 'oddJson':
      return oddJsonLine(random)
    case 'logfmt':
      return logfmtLine(random)
    case 'oddLogfmt':
      return oddLogfmtLine(random)
    case 'access':
      return `${address(random)} - ${random.pick(['bob', '-'])} [15/Jan/2026:00:00:01 +0000] "${random.pick(['GET', 'POST'])} /api/${random.pick(['users', 'orders'])}/${random.below(99)} HTTP/1.1" ${random.pick(['200', '404', '500'])} ${random.below(90_000)}`
    case 'packed':
      return JSON.stringify({
        _entry: random.chance(0.5) ? jsonLine(random) : phrase(random),
        pod: 'packed-pod',
        status: anyValue(random),
      })
    case 'plain':
      return `${random.pick(['', '2026-01-15 00:00:01 ', '[main] '])}${random.pick(levels)} ${phrase(random)} ${random.below(999)}`
    case 'coloured':
      return `\u001b[3${random.below(8)}m${logfmtLine(random)}\u001b[0m`
    case 'addresses':
      return `from ${address(random)} to ${address(random)},${address(random)}`
    case 'odd':
      return random.pick([
        ...[
          '',
          ' ',
          '=',
          '{',
          '\\',
          '\t tab',
          'a\u0000b',
          '💩 emoji',
          'x'.repeat(300),
          '<_> <b>',
          '%s %d',
        ],
      ])
  }
}
