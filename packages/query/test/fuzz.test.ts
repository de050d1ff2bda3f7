// Runs random queries over random lines. Each must end soon, with a result or a known error. FUZZ_SECONDS
// sets the time for all properties together.

import { RegexSyntaxError } from '@skald/go-dialect/errors'
import { compileRegex } from '@skald/go-dialect/regex/regex'
import fc from 'fast-check'
import { test, t as tests } from 'tap'
import {
  defaultQueryLimits,
  formatLogql,
  formatQueryResult,
  LogqlSyntaxError,
  parseLogql,
  runQuery,
} from '../src/index.ts'
import { createMemorySource } from './memory-source.ts'
import { anyExpr } from './syntax/arbitrary.ts'

const seconds = Number(process.env.FUZZ_SECONDS ?? 0)
const knownCodes = new Set([
  'LOGQL_SYNTAX',
  'LOGQL_KIND',
  'LOGQL_PIPELINE',
  'LOGQL_VECTOR_MATCHING',
  'LIMIT_EXCEEDED',
])
const propertyCount = 4
const runs = (count: number) =>
  seconds > 0
    ? {
        numRuns: Number.MAX_SAFE_INTEGER,
        interruptAfterTimeLimit: (seconds * 1_000) / propertyCount,
      }
    : { numRuns: count, seed: 3 }
const timeout = { timeout: (seconds + 30) * 1_000 }
if (seconds > 0) tests.setTimeout((2 * seconds + 30) * 1_000)
/** CPU time that no query of this size should need. */
const slowMs = 2_000

const fragment = fc.constantFrom(
  ...['{', '}', '"', ':', ',', '[', ']', '\\', '\\u00', 'level', '=', ' ', 'x', '1', 'é', '\ufffd'],
  ...['{"x":1}', 'x="y"', '{"a":{"b":[1,{"c":null}]}}', '10.0.0.1', '\u001b[31m', '\n', '💩'],
)
const line = fc.array(fragment, { maxLength: 12 }).map(parts => parts.join(''))
const streams = fc
  .array(fc.tuple(line, fc.nat(3_000)), { minLength: 1, maxLength: 12 })
  .map(entries => [
    {
      labels: { app: 'x', level: 'z' },
      entries: entries.map(([text, ms]) => ({
        timestampNs: BigInt(ms) * 1_000_000n,
        line: text,
        metadata: { x: text.slice(0, 2) },
      })),
    },
  ])

test('Any query in the grammar ends with a result or a known error', timeout, async t => {
  await fc.assert(
    fc.asyncProperty(anyExpr, streams, fc.boolean(), async (expr, loaded, isInstant) => {
      const started = process.cpuUsage().user
      try {
        const result = await runQuery(
          {
            logql: formatLogql(expr),
            startNs: 0n,
            endNs: 5_000_000_000n,
            stepNs: 100_000_000n,
            intervalNs: 0n,
            limit: 5,
            direction: 'backward',
            isInstant,
            limits: { ...defaultQueryLimits, maxQuerySeries: 50 },
          },
          createMemorySource(loaded, 4),
          new AbortController().signal,
        )
        JSON.parse(formatQueryResult(result, { categorizeLabels: true }))
      } catch (error) {
        if (!knownCodes.has((error as { code?: string }).code ?? '')) throw error
      }
      return (process.cpuUsage().user - started) / 1_000 < slowMs
    }),
    runs(150),
  )
  t.pass('all ended well')
})

const token = fc.constantFrom(
  ...'{a="b"} |= != |~ !~ |> | json logfmt [5m] [ ] ( ) , or and unless by without on rate sum'.split(
    ' ',
  ),
  ...'topk unwrap bytes duration offset 5m -1 1e9 0x1p3 "(a+)+$" "\\x00" `{{` drop keep = =~ > bool'.split(
    ' ',
  ),
  ...[
    ' ',
    '\n',
    '#',
    '//',
    '/*',
    "'",
    '"',
    'é',
    '\u0000',
    '💩',
    '\ud800',
    '--strict',
    'ip("1.2.3.4")',
  ],
)

test('Any text is a query or a syntax error', timeout, async t => {
  fc.assert(
    fc.property(fc.array(token, { maxLength: 25 }), tokens => {
      const text = tokens.join(' ')
      try {
        formatLogql(parseLogql(text))
      } catch (error) {
        if (!(error instanceof LogqlSyntaxError)) throw error
      }
      return true
    }),
    runs(1_000),
  )
  t.pass('all ended well')
})

test('A damaged query is a query or a syntax error', timeout, async t => {
  fc.assert(
    fc.property(
      anyExpr,
      fc.nat(),
      fc.string({ unit: 'binary', maxLength: 3 }),
      (expr, at, text) => {
        const whole = formatLogql(expr)
        const cut = at % (whole.length + 1)
        try {
          parseLogql(whole.slice(0, cut) + text + whole.slice(cut + 1))
        } catch (error) {
          if (!(error instanceof LogqlSyntaxError)) throw error
        }
        return true
      },
    ),
    runs(1_000),
  )
  t.pass('all ended well')
})

const regexPiece = fc.constantFrom(
  ...['a', 'ab', 'é', '.', '[^a]', '[a-f\\d]', '\\pL', '\\b', '\\B', '^', '$', '(?i)', '(?s:a.)'],
  ...[
    'a?',
    'a*',
    'b+?',
    'x{3}',
    'x{1000}',
    '(?:ab?){2,40}',
    '(',
    ')',
    '(?P<n>',
    '|',
    '*',
    '{10}',
    '\\Q',
  ],
)
const regexText = fc
  .array(fc.tuple(regexPiece, fc.oneof(fc.constant(1), fc.nat(5), fc.nat(3_000))), { maxLength: 8 })
  .map(pieces => pieces.map(([piece, count]) => piece.repeat(count)).join(''))
const searched = fc.constantFrom('', 'a', 'abab é', 'x'.repeat(1_200), 'ab\nba', '\u212a💩')

test('Any regular expression compiles quickly or is rejected', timeout, async t => {
  fc.assert(
    fc.property(regexText, searched, fc.boolean(), (pattern, text, anchored) => {
      const started = process.cpuUsage().user
      try {
        const regex = compileRegex(pattern, { anchored })
        const isFound = regex.test(text)
        if ((regex.exec(text) !== undefined) !== isFound) return false
        if (regex.literals.some(literal => isFound && !text.includes(literal))) return false
        regex.blockSearch?.regex.test(text)
      } catch (error) {
        if (!(error instanceof RegexSyntaxError)) throw error
      }
      return (process.cpuUsage().user - started) / 1_000 < slowMs
    }),
    runs(100),
  )
  t.pass('all ended well')
})
