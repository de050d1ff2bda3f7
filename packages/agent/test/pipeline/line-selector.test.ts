import { test } from 'tap'
import { LabelState } from '../../src/line/label-state.ts'
import { LineOrigin } from '../../src/line/line-origin.ts'
import { PipelineEntry } from '../../src/pipeline/entry.ts'
import { compileLineSelector } from '../../src/pipeline/line-selector.ts'

const origin = new LineOrigin({ name: 'test', readTime: () => 0n })

function takes(selector: string, labels: Record<string, string>, line: string): boolean {
  const state = new LabelState(new Map(Object.entries(labels)))
  return compileLineSelector(selector)(new PipelineEntry({ origin, startOffset: 0 }, state, line))
}

test('A selector matches lines by their labels and text', t => {
  const labels = { app: 'web', env: 'dev-1' }
  const cases: readonly (readonly [selector: string, isTaken: boolean])[] = [
    ['{app="web"}', true],
    ['{app!="web"}', false],
    ['{env=~"dev.*"}', true],
    ['{env=~"dev"}', false],
    ['{env!~"dev.*"}', false],
    ['{none=""}', true],
    ['{none!=""}', false],
    ['{app="web", env=~`dev-\\d`}', true],
    ['{app="web"} |= "error"', true],
    ['{app="web"} != "error"', false],
    ['{app="web"} |~ "err.r" !~ "^x"', true],
    ['{app="web"} |= "no" or "error"', true],
    ['{app="web"} != "no" or "error"', false],
    ['{app="\\x77eb"} |= `an error`', true],
    ['({app="web"} |= "error") # with a note', true],
    [' { app = "web" /* the front */ } ', true],
  ]
  for (const [selector, isTaken] of cases) {
    t.equal(takes(selector, labels, 'this is an error'), isTaken, selector)
  }
  t.end()
})

test('LogQL keywords, and letters of any alphabet, can be label names', t => {
  t.ok(takes('{json="1", by="2", or="3", ip="4"}', { json: '1', by: '2', or: '3', ip: '4' }, ''))
  t.ok(takes('{größe="1"}', { größe: '1' }, ''))
  t.notOk(takes('{größe="1"}', {}, ''))
  t.end()
})

test('A mistake in a selector is reported with its place', t => {
  const cases: readonly (readonly [selector: string, problem: string])[] = [
    ['', 'column 1: expected {, found the end'],
    ['{}', 'it needs at least one matcher'],
    ['{a="b",}', 'column 8: expected a label name, found }'],
    ['{a="b" c="d"}', 'column 8: expected a comma or }, found c'],
    ['{a=="b"}', 'column 3: expected = != =~ or !~, found =='],
    ['{a=b}', 'column 4: expected a string in double quotes or backquotes, found b'],
    ['{a="b}', 'column 4: this string has no closing quote'],
    ['{a="\\d"}', 'column 4: the text "\\d" has an escape that is not known: write \\\\ for \\'],
    ['{a=~"("}', 'column 5: error parsing regexp: missing closing ): `(`'],
    ['{a="b"}\n|~ "("', 'line 2, column 4: error parsing regexp: missing closing ): `(`'],
    ['{a="b"} | json', 'column 9: only line filters |= != |~ !~ may follow the matchers, found |'],
    ['({a="b"}', 'column 9: expected ), found the end'],
  ]
  for (const [selector, message] of cases) {
    t.throws(() => compileLineSelector(selector), { message }, selector || 'an empty text')
  }
  t.end()
})
