import { test } from 'tap'
import { renderAgent, renderQuery } from './render.ts'

// Without limits, each of these templates would run for hours or fill the memory.
test('Limits stop every template', async t => {
  const f = (text: string, message: RegExp, render = renderAgent) =>
    t.throws(() => render(text), { message }, text.slice(0, 80))
  const double = '{{$d := list 1}}{{range until 60}}{{$d = list $d $d}}{{end}}'

  f('{{ repeat 1000000000 "x" }}', /text is too long: 1000000000 characters/)
  f('{{ indent 1000000000 "x" }}', /text is too long/)
  f('{{ alignRight 1000000000 "x" }}', /text is too long/, renderQuery)
  f('{{ until 1000000000 }}', /list is too long/)
  f('{{ seq 1 1000000000 }}', /list is too long/)
  f('{{ untilStep 0 9223372036854775807 1 }}', /list is too long/)
  f('{{ randAlpha 1000000000 }}', /text is too long/)
  f('{{ replace "" (repeat 4000 "z") (repeat 4000 "y") }}', /text is too long/)
  f('{{ join (repeat 4000 "z") (until 4000) }}', /text is too long/)
  f('{{$x := "x"}}{{range until 60}}{{$x = print $x $x}}{{end}}', /text is too long/)
  f('{{range until 90000}}{{repeat 1000 "x"}}{{end}}', /output is too long/)
  f('{{range until 90000}}{{$x := repeat 100000 "x"}}{{end}}', /template does too much/)
  f('{{range until 90000}}{{range until 90000}}{{end}}{{end}}', /too many rounds/)
  f(`{{range until 90000}}${'{{if $.x}}{{end}}'.repeat(1000)}{{end}}`, /template does too much/)
  f('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}', /maximum template depth/)
  f(
    '{{define "a"}}{{if lt . 90}}{{template "a" (add1 .)}}{{template "a" (add1 .)}}{{end}}{{end}}' +
      '{{template "a" 1}}',
    /too many rounds/,
  )
  f(`${double}{{$d}}`, /text is too long/)
  f(`${double}{{toJson $d}}`, /text is too long/)
  f(`${double}{{deepCopy $d}}`, /list is too long/)
  f(
    `${double}{{$e := list 1}}{{range until 60}}{{$e = list $e $e}}{{end}}{{deepEqual $d $e}}`,
    /too large/,
  )
  f('{{$d := dict}}{{$_ := set $d "x" $d}}{{$d}}', /nested too deeply/)
  f('{{$d := dict}}{{$_ := set $d "x" $d}}{{toJson $d}}', /nested too deeply/)
  f('{{$d := dict}}{{$_ := set $d "x" $d}}{{deepCopy $d}}', /nested too deeply/)
  f(`{{${'('.repeat(100_000)}1${')'.repeat(100_000)}}}`, /max expression depth exceeded/)
  f('{{if 1}}'.repeat(100_000), /max expression depth exceeded/)
  f('x'.repeat(2_000_000), /template is too long/)
})

test('Deep but reasonable templates run', async t => {
  const chain = `{{if .a}}a${'{{else if .b}}b'.repeat(300)}{{else}}c{{end}}`
  t.equal(renderAgent(chain), 'c')
  t.equal(renderAgent(`{{${'(print '.repeat(300)}1${')'.repeat(300)}}}`), '1')
  t.equal(renderAgent('{{ fromJson .j }}', { j: '['.repeat(100_000) }), '<no value>')
})
