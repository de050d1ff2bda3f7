// Random queries over the lines of data.ts from the whole grammar: every stage, operator and
// function, in combinations that nobody would think of.

import type { Random } from '../bench/random.ts'
import { fieldNames, spanMs, startMs } from './data.ts'

/** A request to a query route. */
export interface CompareQuery {
  readonly logql: string
  readonly route: 'query' | 'query_range'
  /** Parameters in addition to the query. Times are in nanoseconds. */
  readonly params: Readonly<Record<string, string>>
  /** Whether to request labels grouped by origin. */
  readonly isCategorized: boolean
}

/** Draws a query. */
export function createQuery(random: Random): CompareQuery {
  const endMs = startMs + random.between(1, 6) * (spanMs / 6)
  const isCategorized = random.chance(0.2)
  if (random.chance(0.5)) {
    const from = random.below(endMs - startMs)
    return {
      logql: logQuery(random),
      route: 'query_range',
      params: {
        start: `${startMs + (random.chance(0.5) ? 0 : from)}000000`,
        end: `${endMs}000000`,
        limit: random.chance(0.9) ? '5000' : '7',
        direction: random.pick(['forward', 'backward']),
      },
      isCategorized,
    }
  }
  if (random.chance(0.01)) {
    // Instant log queries are rejected.
    return {
      logql: logQuery(random),
      route: 'query',
      params: { time: `${endMs}000000` },
      isCategorized,
    }
  }
  const logql = metricQuery(random, 2)
  if (random.chance(0.5)) {
    return { logql, route: 'query', params: { time: `${endMs}000000` }, isCategorized }
  }
  const stepMs = random.pick([15_000, 60_000, 300_000])
  return {
    logql,
    route: 'query_range',
    params: {
      start: `${startMs + random.below(3) * 60_000}000000`,
      end: `${endMs}000000`,
      step: `${stepMs}ms`,
    },
    isCategorized,
  }
}

const list = (random: Random, most: number, make: () => string, least = 1): string[] =>
  Array.from({ length: random.between(least, most) }, make)

const names = [
  ...fieldNames,
  'pod',
  'app',
  'trace_id',
  'status_extracted',
  'foo_extracted',
  'x',
  'detected_level',
]
const nameOf = (random: Random) => random.pick(names)
const quoted = (text: string) => JSON.stringify(text)

function selector(random: Random): string {
  const app = random.pick([
    ...[
      'app="mix"',
      'app="web"',
      'app="num"',
      'app="odd"',
      'app=~"mix|num"',
      'app=~".+"',
      'app!="web",job=~"ns/.*"',
    ],
  ])
  const more = random.pick([
    '',
    '',
    '',
    ',pod="p-0"',
    ',pod=~"p-[01]"',
    ',level="label-level"',
    ',foo=""',
    ',foo!=""',
  ])
  return `{${app}${more}}`
}

function logQuery(random: Random): string {
  // Filters of metadata and stream labels before any parser are handled separately.
  const early = random.chance(0.1) ? ` | ${labelFilter(random, 1)}` : ''
  return selector(random) + early + list(random, 5, () => ` ${stage(random)}`, 0).join('')
}

const texts = [
  'a',
  'info',
  'ERROR',
  'user',
  '"',
  '=',
  '10.0',
  'é',
  '',
  'status',
  'level=',
  '{',
  '\\',
  'timeout',
  '500',
]
const expressions = [
  ...[
    'err|warn',
    '(?i)error',
    '^\\{',
    '\\d+ms',
    'a.*b',
    '[a-z]+=',
    '^$',
    '\\bget\\b',
    '(get|put) .*',
    '.',
    '\\"level\\"',
    '.*',
    'info.*|.*warn',
    '(?i:Warn)|^a',
    '[^\\x00-\\x7f]',
    '\\s$',
  ],
]

function stage(random: Random): string {
  return random.pick([
    () => lineFilter(random),
    () => parser(random),
    () => parser(random),
    () => `| ${labelFilter(random, 2)}`,
    () => `| ${labelFilter(random, 2)}`,
    () => `| line_format ${quoted(template(random))}`,
    () => `| label_format ${labelFormat(random)}`,
    () => '| decolorize',
    () => `| ${random.pick(['drop', 'keep'])} ${list(random, 3, () => pick(random)).join(', ')}`,
    () => '| unpack',
  ])()
}

function lineFilter(random: Random): string {
  const op = random.pick(['|=', '!=', '|~', '!~', '|>', '!>'])
  const term = () => {
    if (op === '|~' || op === '!~') return quoted(random.pick(expressions))
    if (op === '|>' || op === '!>') {
      return quoted(
        random.pick([
          '<_>status<_>',
          '<_>=<_>',
          '<_> <_>',
          '{<_>}',
          '<_>error<_>',
          'from <_> to <_>',
          '<_>',
          'level=<_>',
          '<_>"status":<_>,<_>',
          '<_> 10.<_>:<_>',
        ]),
      )
    }
    return random.chance(0.2) ? `ip(${quoted(ipRange(random))})` : quoted(random.pick(texts))
  }
  return `${op} ${list(random, 3, term).join(' or ')}`
}

function ipRange(random: Random): string {
  return random.pick([
    ...[
      '10.0.0.0/8',
      '10.0.0.1',
      '192.168.0.0-192.168.255.255',
      '::1',
      '2001:db8::/32',
      '0.0.0.0/0',
      '8.8.8.8',
    ],
  ])
}

function parser(random: Random): string {
  const extraction = (paths: readonly string[]) => () =>
    `${random.pick(['x', 'foo', 'status', 'y'])}=${quoted(random.pick(paths))}`
  return random.pick([
    () => '| json',
    () => '| json',
    () =>
      `| json ${list(random, 2, extraction([...['status', 'user.status', 'list[1].x', 'a.b', '["a.b"]', 'none', 'level'], ...['list[0]', 'list[2]', 'list[9]', 'list', 'list[1].x.level', 'request.user["id"]', 'user["foo"]', 'request']]))}`,
    () => '| logfmt',
    () => '| logfmt',
    () => `| logfmt ${random.pick(['--strict', '--keep-empty', '--strict --keep-empty'])}`,
    () => `| logfmt ${list(random, 2, extraction(['status', 'level', 'none', 'n', 'msg']))}`,
    () =>
      `| regexp ${quoted(random.pick(['(?P<x>\\d+)', '(?P<level>info|error|warn)', '(?P<status>\\d{3})', '(?P<ip>[\\d.]+) - (?P<user>\\S+).*"(?P<x>\\w+) (?P<path>\\S+)', '(?P<x>a)|(?P<y>e)', '(\\w+)=(?P<foo>[^ ]*)', '^(?P<foo>\\S+) (?P<n>.*)$']))}`,
    () =>
      `| pattern ${quoted(random.pick(['<ip> - <user> <_> "<method> <path> <_>" <status> <size>', '<x> <_>', 'from <ip> to <foo>,<_>', '<_>=<n> <_>', '<foo>=<_>', '<_>"<x>"<_>']))}`,
    () => '| unpack',
  ])()
}

function labelFilter(random: Random, depth: number): string {
  if (depth > 0 && random.chance(0.25)) {
    const [left, right] = [labelFilter(random, depth - 1), labelFilter(random, depth - 1)]
    const joined = `${left} ${random.pick(['and', 'or', ','])} ${right}`
    return random.chance(0.3) ? `(${joined})` : joined
  }
  const name = random.chance(0.15)
    ? random.pick(['__error__', '__error_details__'])
    : nameOf(random)
  const compare = () => random.pick(['==', '=', '!=', '>', '>=', '<', '<='])
  return random.pick([
    () =>
      `${name}${random.pick(['=', '!='])}${quoted(random.pick([...texts, 'info', '200', 'JSONParserErr', 'LogfmtParserErr']))}`,
    () =>
      `${name}${random.pick(['=~', '!~'])}${quoted(random.pick([...expressions, '.+', '', 'info|error', '\\d+']))}`,
    () => `${name} ${compare()} ${random.pick(['200', '0', '-5', '10.5', '1e3', '0x10', '500'])}`,
    () => `${name} ${compare()} ${random.pick(['100ms', '1s', '1h', '1m30s'])}`,
    () => `${name} ${compare()} ${random.pick(['1KB', '10MiB', '500B', '1GB'])}`,
    () => `${name} ${random.pick(['=', '!='])} ip(${quoted(ipRange(random))})`,
  ])()
}

function pick(random: Random): string {
  const name = random.chance(0.1) ? '__error__' : nameOf(random)
  return random.chance(0.3)
    ? `${name}${random.pick(['=', '!=', '=~', '!~'])}${quoted(random.pick(['info', 'x', '.+', '']))}`
    : name
}

function labelFormat(random: Random): string {
  return list(random, 2, () =>
    random.chance(0.5)
      ? `${random.pick(['x', 'y', 'foo', 'status'])}=${nameOf(random)}`
      : `${random.pick(['z', 'w', 'level'])}=${quoted(template(random))}`,
  ).join(', ')
}

function template(random: Random): string {
  const value = () =>
    random.pick(['.level', '.status', '.foo', '.msg', '.none', '__line__', '.n', '.took', '.size'])
  return random.pick([
    () => `{{${value()}}}`,
    () => `{{${value()} | upper}} {{${value()} | trunc ${random.between(-4, 4)}}}`,
    () => `{{if eq .level "info"}}I{{else if .level}}{{.level}}{{else}}none{{end}}`,
    () => `{{ default "none" ${value()} }}:{{ ${value()} | replace "e" "E" }}`,
    () =>
      `{{ ${random.pick(['add', 'sub', 'mul', 'max', 'min'])} (int ${value()}) ${random.between(1, 9)} }}`,
    () => `{{ ${random.pick(['addf', 'subf', 'mulf', 'maxf'])} (float64 ${value()}) 1.5 }}`,
    () =>
      `{{ ${value()} | ${random.pick(['lower', 'title', 'trim', 'b64enc', 'urlencode', 'sha256sum', 'len', 'count "a"', 'hasPrefix "i"', 'contains "e"'])} }}`,
    () => `{{ regexReplaceAll "(\\\\d+)" ${value()} "<$1>" }}`,
    () =>
      `{{ ${value()} | ${random.pick(['duration', 'duration_seconds', 'bytes', 'unixToTime', 'toDate "2006-01-02"', 'toDateInZone "2006" "UTC"'])} }}`,
    () => `{{ range $i, $x := fromJson __line__ }}{{$i}}={{$x}};{{ end }}`,
    () =>
      `{{ substr ${random.between(0, 3)} ${random.between(2, 6)} ${value()} }}|{{ alignLeft 5 ${value()} }}|{{ alignRight 3 ${value()} }}`,
    () => `{{ printf "%s-%v-%5d" ${value()} ${value()} ${random.between(0, 99)} }}`,
    () =>
      `{{ __timestamp__ | unixEpoch }} {{ div 7 2 }} {{ mod 7 3 }} {{ ceil 1.2 }} {{ floor 1.8 }} {{ round 1.25 1 }}`,
    () =>
      `{{ __timestamp__ | date ${quoted(random.pick(['2006-01-02T15:04:05.000Z07:00', 'Jan _2 15:04', 'Mon 02.01.06 3PM']))} }} {{ unixEpochMillis __timestamp__ }}`,
    () =>
      `{{ ${value()} | ${random.pick(['quote', 'squote', 'nospace', 'trimPrefix "i"', 'trimSuffix "o"', 'repeat 2', 'indent 2', 'b64dec', 'urldecode', 'regexReplaceAllLiteral "[a-e]" "" '])} }}`,
    () => `{{ with ${value()} }}<{{ . }}>{{ else }}-{{ end }}{{- /* no more */ -}} `,
    () => `{{ $x := ${value()} }}{{ if and $x (ne $x "info") }}{{ $x }}{{ end }}{{ len $x }}`,
    () => `{{ if or (gt (len ${value()}) 3) (not .level) }}long{{ end }}`,
    () => '{{ .level ',
  ])()
}

function metricQuery(random: Random, depth: number): string {
  if (depth === 0 || random.chance(0.35)) return rangeAggregation(random)
  return random.pick([
    () => vectorAggregation(random, depth),
    () => vectorAggregation(random, depth),
    () => binary(random, depth),
    () => labelReplace(random, depth),
    () =>
      random.chance(0.5)
        ? labelReplace(random, depth)
        : `(${metricQuery(random, depth - 1)}) or vector(${random.pick(['0', '1.5'])})`,
    () => rangeAggregation(random),
  ])()
}

function labelReplace(random: Random, depth: number): string {
  const [replacement, pattern] = random.pick([
    ['$1-x', '(.*)'],
    ['${word}', '(?P<word>[a-z]+).*'],
    ['', '.*'],
    ['$2$1', '(.)(.*)'],
    ['same', 'web|mix'],
  ])
  const destination = random.pick(['dst', 'app', 'pod'])
  const source = random.pick(['app', 'pod', 'none'])
  return `label_replace(${metricQuery(random, depth - 1)}, ${[destination, replacement, source, pattern].map(text => quoted(text!)).join(', ')})`
}

function rangeAggregation(random: Random): string {
  const range = random.pick(['30s', '1m', '5m', '30m', '1h'])
  const offset = random.chance(0.1)
    ? ` offset ${random.pick(['1m', '-1m', '10m', '-30s', '1h'])}`
    : ''
  if (random.chance(0.5)) {
    const op = random.pick([
      ...[
        'count_over_time',
        'count_over_time',
        'rate',
        'bytes_over_time',
        'bytes_rate',
        'absent_over_time',
      ],
    ])
    return `${op}(${logQuery(random)}[${range}]${offset})`
  }
  const op = random.pick([
    ...[
      'sum_over_time',
      'avg_over_time',
      'max_over_time',
      'min_over_time',
      'first_over_time',
      'last_over_time',
    ],
    ...['stddev_over_time', 'stdvar_over_time', 'quantile_over_time', 'rate', 'rate_counter'],
  ])
  const label = nameOf(random)
  const unwrap = random.pick([
    label,
    label,
    `duration(${label})`,
    `duration_seconds(${label})`,
    `bytes(${label})`,
  ])
  const filter = random.chance(0.6)
    ? ` | __error__=${quoted(random.pick(['', '', '', 'SampleExtractionErr']))}`
    : ''
  const grouping =
    !['sum_over_time', 'rate', 'rate_counter'].includes(op) && random.chance(0.4)
      ? ` ${groupingOf(random)}`
      : ''
  const parameter =
    op === 'quantile_over_time'
      ? `${random.pick(['0.5', '0.9', '0', '1', '1.5', '0.25', '-1'])}, `
      : ''
  const parsed = `${logQuery(random)} ${parser(random)}`
  return `${op}(${parameter}${parsed} | unwrap ${unwrap}${filter}[${range}]${offset})${grouping}`
}

function groupingOf(random: Random): string {
  return `${random.pick(['by', 'by', 'without'])} (${list(random, 3, () => nameOf(random), 0).join(', ')})`
}

function vectorAggregation(random: Random, depth: number): string {
  const operand = metricQuery(random, depth - 1)
  const op = random.pick([
    'sum',
    'sum',
    'avg',
    'count',
    'max',
    'min',
    'stddev',
    'stdvar',
    'topk',
    'bottomk',
    'sort',
    'sort_desc',
  ])
  if (op === 'sort' || op === 'sort_desc') return `${op}(${operand})`
  const grouping = random.chance(0.7) ? ` ${groupingOf(random)}` : ''
  const parameter = op === 'topk' || op === 'bottomk' ? `${random.between(1, 3)}, ` : ''
  return `${op}${grouping} (${parameter}${operand})`
}

function binary(random: Random, depth: number): string {
  const left = metricQuery(random, depth - 1)
  const op = random.pick([
    '+',
    '-',
    '*',
    '/',
    '%',
    '^',
    '==',
    '!=',
    '>',
    '>=',
    '<',
    '<=',
    'and',
    'or',
    'unless',
  ])
  if (!['and', 'or', 'unless'].includes(op) && random.chance(0.5)) {
    const number = random.pick(['0', '1', '2.5', '-1', '1e3'])
    const isCompare = ['==', '!=', '>', '>=', '<', '<='].includes(op)
    const bool = isCompare && random.chance(0.4) ? ' bool' : ''
    return random.chance(0.7)
      ? `(${left}) ${op}${bool} ${number}`
      : `${number} ${op}${bool} (${left})`
  }
  const isSet = ['and', 'or', 'unless'].includes(op)
  if (!isSet && random.chance(0.2)) return manyToOne(random, { left, op })
  const matching = random.pick([
    '',
    '',
    ' on (app)',
    ' ignoring (pod, level, foo)',
    ' on (app, pod)',
  ])
  // Sometimes uses the same operand twice, so that both sides have something to pair.
  const right = random.chance(0.5) ? left : metricQuery(random, depth - 1)
  const isCompare = ['==', '!=', '>', '>=', '<', '<='].includes(op)
  const bool = isCompare && random.chance(0.3) ? ' bool' : ''
  return `(${left}) ${op}${bool}${matching} (${right})`
}

// Many series on one side, and those of an aggregation on the other.
function manyToOne(random: Random, { left, op }: { left: string; op: string }): string {
  const label = random.pick(['app', 'pod', 'app, pod'])
  const include = random.pick(['', '', ' (pod)', ' (level)'])
  const one = `sum by (${label}) (${left})`
  return random.chance(0.5)
    ? `(${left}) ${op} on (${label}) group_left${include} (${one})`
    : `(${one}) ${op} on (${label}) group_right${include} (${left})`
}
