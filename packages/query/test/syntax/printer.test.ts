import fc from 'fast-check'
import { test } from 'tap'
import { parseLogql } from '../../src/syntax/parser.ts'
import { formatLogql, formatLogqlPretty } from '../../src/syntax/printer.ts'
import { decimalText } from '../../src/tokens/literal-text.ts'
import { anyExpr } from './arbitrary.ts'

test('A printed query parses to the same tree', async t => {
  fc.assert(
    fc.property(anyExpr, expr => {
      const text = formatLogql(expr)
      return canonical(parseLogql(text)) === canonical(expr)
    }),
    { numRuns: 1_000, seed: 11 },
  )
  t.pass('no difference')
})

// A tree as text, keys in order.
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

test('The pretty form of a query parses, and is its own pretty form', async t => {
  fc.assert(
    fc.property(anyExpr, expr => {
      const text = formatLogqlPretty(expr)
      return formatLogqlPretty(parseLogql(text)) === text
    }),
    { numRuns: 300, seed: 11 },
  )
  t.pass('no difference')
})

test('formatLogqlPretty breaks long queries as Loki does', async t => {
  const query =
    'sum by (pod, namespace) (rate({namespace="prod", app="api", container="main", cluster="eu-west-1"} ' +
    '|= "some long text to make the line long" | json | level="error" [5m])) / 2'
  t.equal(
    formatLogqlPretty(parseLogql(query)),
    `  sum by (pod, namespace)(
    rate(
      {namespace="prod", app="api", container="main", cluster="eu-west-1"}
        |= "some long text to make the line long"
        | json
        | level="error" [5m]
    )
  )
/
  2`,
  )
  t.equal(formatLogqlPretty(parseLogql('vector(1)')), 'vector(1.000000)')
})

test('decimalText never has an exponent', async t => {
  const f = (value: number, want: string) => t.equal(decimalText(value), want)
  f(1e21, '1000000000000000000000')
  f(1.5e-7, '0.00000015')
  f(-2.5e22, '-25000000000000000000000')
  f(0.1, '0.1')
  f(123456789, '123456789')
})
