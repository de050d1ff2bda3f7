import { test } from 'tap'
import { parseYaml } from '../../src/config/yaml-cursor.ts'
import { readRelabelRules, relabel } from '../../src/discovery/relabel.ts'

function apply(rulesText: string, labels: Record<string, string>) {
  const { root, problems } = parseYaml(rulesText)
  const rules = readRelabelRules(root)
  if (problems[0]) throw new Error(problems[0].message)
  const result = relabel(new Map(Object.entries(labels)), rules)
  return result && Object.fromEntries(result)
}

test('relabel knows every action', async t => {
  const f = (rule: string, labels: Record<string, string>, want: object | undefined) =>
    t.strictSame(apply(`[${rule}]`, labels), want, rule)
  f('{source_labels: [a, b], target_label: c}', { a: 'x', b: 'y' }, { a: 'x', b: 'y', c: 'x;y' })
  f(
    '{source_labels: [a], regex: "(.)(.)", replacement: "$2${1}", target_label: a}',
    { a: 'xy' },
    {
      a: 'yx',
    },
  )
  f('{source_labels: [a], regex: no, target_label: b}', { a: 'x' }, { a: 'x' })
  f('{source_labels: [a], action: keep, regex: x}', { a: 'y' }, undefined)
  f('{source_labels: [a], action: drop, regex: x}', { a: 'y' }, { a: 'y' })
  f(
    '{source_labels: [a], action: keepequal, target_label: b}',
    { a: 'x', b: 'x' },
    {
      a: 'x',
      b: 'x',
    },
  )
  f('{source_labels: [a], action: dropequal, target_label: b}', { a: 'x', b: 'x' }, undefined)
  f('{action: labelmap, regex: "m_(.+)"}', { m_a: '1' }, { m_a: '1', a: '1' })
  f('{action: labeldrop, regex: "m_.*"}', { m_a: '1', b: '2' }, { b: '2' })
  f('{action: LabelKeep, regex: "m_.*"}', { m_a: '1', b: '2' }, { m_a: '1' })
  f('{source_labels: [a], action: uppercase, target_label: a}', { a: 'x' }, { a: 'X' })
  f(
    '{source_labels: [a], action: hashmod, modulus: 10, target_label: h}',
    { a: 'x' },
    {
      a: 'x',
      h: '6',
    },
  )
})
