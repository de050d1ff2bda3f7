import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { RuleTemplate, type RuleTemplateData } from '../../src/rules/rule-template.ts'

const data: RuleTemplateData = {
  labels: createLabelSet({ app: 'web', instance: 'host.example:80' }),
  value: 1234.5678,
  externalLabels: new Map([['cluster', 'c1']]),
  externalUrl: 'https://grafana.example/base',
  nowNs: 1_700_000_000_000_000_000n,
  query: async logql => {
    if (logql === 'bad') throw new SyntaxError('parse error')
    return [
      { labels: createLabelSet({ app: 'b', __value__: 'x' }), value: 2 },
      { labels: createLabelSet({ app: 'a' }), value: 1 },
    ]
  },
}
const fill = (text: string) => new RuleTemplate('High', text).expand(data)

test('templates have the variables of Prometheus', async t => {
  const f = async (text: string, want: string) => t.equal(await fill(text), want, text)
  await f('plain', 'plain')
  await f('{{ $labels.app }} {{ .Labels.app }} {{ $labels.missing }}|', 'web web |')
  await f('{{ $value }} {{ $value | printf "%.1f" }}', '1234.5678 1234.6')
  await f('{{ $externalLabels.cluster }} {{ $externalURL }}', 'c1 https://grafana.example/base')
  await f(
    '{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}',
    'app=web;instance=host.example:80;',
  )
  await f('{{ if gt $value 1000.0 }}much{{ else }}little{{ end }}', 'much')
  await f('{{ pathPrefix }} {{ externalURL }}', '/base https://grafana.example/base')
})

test('a template may run queries', async t => {
  const f = async (text: string, want: string) => t.equal(await fill(text), want, text)
  await f('{{ with query "x" }}{{ . | first | value }}{{ end }}', '2')
  await f('{{ query "x" | sortByLabel "app" | first | label "app" }}', 'a')
  await f('{{ range query "x" }}{{ .Labels.app }}={{ .Value }};{{ end }}', 'b=2;a=1;')
  await f('{{ query "x" | first | strvalue }}', 'x')
})

test('a mistake becomes the text, so that the alert is sent anyway', async t => {
  t.match(
    await fill('{{ .Nothing }}'),
    /^<error expanding template: error executing template __alert_High: .*Nothing/,
  )
  t.match(await fill('{{ query "bad" }}'), /^<error expanding template: .*parse error/)
  t.match(await fill('{{ $labels.app | humanize }}'), /can't convert|invalid syntax/)
  const many = Array.from({ length: 12 }, (_, i) => `{{ query "${i}" | first | value }}`).join('')
  t.match(await fill(many), /more than 10 queries in one template/)
  t.throws(() => new RuleTemplate('High', '{{ nothing }}'), /function "nothing" not defined/)
})
