import { test } from 'tap'
import { prometheusFunctions } from '../../src/template/prometheus-functions.ts'
import { parseTemplate } from '../../src/template/template.ts'

const fill = (text: string, value: number | string = 0) =>
  parseTemplate(text, { name: 't', functions: prometheusFunctions }).execute({
    get: name => (name === 'V' ? value : undefined),
    entries: () => [['V', value]],
    nowNs: () => 1_700_000_000_500_000_000n,
    externalUrl: () => 'http://g/x',
  })

// What Prometheus' functions return.
test('numbers are made readable', async t => {
  const f = (name: string, value: number | string, want: string) =>
    t.equal(fill(`{{ ${name} .V }}`, value), want, `${name} ${value}`)
  f('humanize', 0, '0')
  f('humanize', 1, '1')
  f('humanize', 1234567, '1.235M')
  f('humanize', -1500, '-1.5k')
  f('humanize', 0.00012, '120u')
  f('humanize', Number.POSITIVE_INFINITY, '+Inf')
  f('humanize', Number.NaN, 'NaN')
  f('humanize', '2000', '2k')
  f('humanize1024', 1048576, '1Mi')
  f('humanize1024', 1000, '1000')
  f('humanize1024', 0.5, '0.5')
  f('humanizeDuration', 0, '0s')
  f('humanizeDuration', 0.001, '1ms')
  f('humanizeDuration', 1.2345, '1.234s')
  f('humanizeDuration', 899, '14m 59s')
  f('humanizeDuration', 3600, '1h 0m 0s')
  f('humanizeDuration', 86400 + 61, '1d 0h 1m 1s')
  f('humanizeDuration', -90, '-1m 30s')
  f('humanizePercentage', 0.1234567, '12.35%')
  f('humanizeTimestamp', 1435065584.128, '2015-06-23 13:19:44.128 +0000 UTC')
  f('toDuration', 90, '1m30s')
  t.equal(fill('{{ (toTime .V).Year }}', 1435065584), '2015')
  t.equal(fill('{{ parseDuration "1h30m" }} {{ parseDuration "-5m" }}'), '5400 -300')
  t.equal(fill('{{ now }}'), '1.7000000005e+09')
})

test('texts are changed', async t => {
  const f = (text: string, want: string) => t.equal(fill(text), want, text)
  f('{{ "hello big world" | title }}', 'Hello Big World')
  f('{{ "aBc" | toUpper }} {{ "aBc" | toLower }}', 'ABC abc')
  f('{{ reReplaceAll "(a)(b)" "$2$1" "xaby" }}', 'xbay')
  f('{{ match "^a.*c$" "abbc" }}', 'true')
  f('{{ stripPort "host:80" }} {{ stripPort "[::1]:80" }} {{ stripPort "host" }}', 'host ::1 host')
  f('{{ stripDomain "a.b.c:80" }} {{ stripDomain "a.b.c" }}', 'a:80 a')
  f('{{ stripDomain "10.0.0.1:80" }} {{ stripDomain "::1" }}', '10.0.0.1:80 ::1')
  f('{{ graphLink "up > 1" }}', '/graph?g0.expr=up+%3E+1&g0.tab=0')
  f('{{ tableLink "up" }}', '/graph?g0.expr=up&g0.tab=1')
  f('{{ urlQueryEscape "a b&c(d)" }}', 'a+b%26c%28d%29')
  f('{{ safeHtml "<b>" }}', '<b>')
  f('{{ (args 1 "x").arg1 }}', 'x')
  f('{{ externalURL }} {{ pathPrefix }}', 'http://g/x /x')
})

test('values of the wrong kind are errors of the template', async t => {
  const e = (text: string, want: RegExp) => t.throws(() => fill(text), want, text)
  e('{{ humanize true }}', /can't convert bool to float/)
  e('{{ humanize "x" }}', /strconv\.ParseFloat: parsing "x": invalid syntax/)
  e('{{ first .V }}', /at <\.V>: wrong type for value; expected template\.queryResult; got float64/)
  e('{{ toTime "NaN" }}', /value is NaN or Inf/)
  e('{{ humanizeTimestamp 1e20 }}', /overflows int64/)
  e('{{ parseDuration "x" }}', /not a valid duration string/)
  e('{{ query "x" }}', /queries are not available here/)
})
