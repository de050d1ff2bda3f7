import { test } from 'tap'
import { errorTable, renderAgent } from './render.ts'

test("parseTrees rejects invalid templates with Go's texts", async t => {
  const e = errorTable(t, renderAgent)

  e('{{', 'template: line:1: unclosed action')
  e('{{.x', 'template: line:1: unclosed action')
  e('{{$x}}', 'template: line:1: undefined variable "$x"')
  e('{{range}}', 'template: line:1: missing value for range')
  e('{{if}}x{{end}}', 'template: line:1: missing value for if')
  e('{{if true}}x', 'template: line:1: unexpected EOF')
  e('{{end}}', 'template: line:1: unexpected {{end}}')
  e('{{else}}', 'template: line:1: unexpected {{else}}')
  e('{{nosuch}}', 'template: line:1: function "nosuch" not defined')
  e('{{"a}}', 'template: line:1: unterminated quoted string')
  e('{{`a}}', 'template: line:1: unterminated raw quoted string')
  e("{{'ab'}}", "template: line:1: malformed character constant: 'ab'")
  e('{{/* a', 'template: line:1: unclosed comment')
  e('{{/* a */ x}}', 'template: line:1: comment ends before closing delimiter')
  e('{{a.b}}', 'template: line:1: function "a" not defined')
  e('{{1 2', 'template: line:1: unclosed action')
  e('{{(1}}', 'template: line:1: unclosed left paren')
  e('{{1)}}', 'template: line:1: unexpected right paren')
  e('{{@}}', 'template: line:1: unexpected "@" in command')
  e('{{.a@}}', "template: line:1: bad character U+0040 '@'")
  e('{{|}}', 'template: line:1: unexpected "|" in command')
  e('{{.a | "b"}}', 'template: line:1: non executable command in pipeline stage 2')
  e('{{1.2.3}}', 'template: line:1: unexpected ".3" in operand')
  e('{{0x}}', 'template: line:1: illegal number syntax: "0x"')
  e('{{99999999999999999999}}', 'template: line:1: integer overflow: "99999999999999999999"')
  e('{{"a".b}}', 'template: line:1: unexpected . after term "\\"a\\""')
  e('{{break}}', 'template: line:1: {{break}} outside {{range}}')
  e('{{define}}x{{end}}', 'template: line:1: unexpected "}}" in define clause')
  e('{{define "a"}}x', 'template: line:1: unexpected EOF')
  e(
    '{{define "a"}}x{{end}}{{define "a"}}y{{end}}',
    'template: line:1: template: multiple definition of template "a"',
  )
  e('{{template}}', 'template: line:1: unexpected "}}" in template clause')
  e('{{template x}}', 'template: line:1: unexpected "x" in template clause')
  e('{{$a, $b := 1}}', 'template: line:1: too many declarations in command')
  e('{{range $a, $b, $c := list}}{{end}}', 'template: line:1: too many declarations in range')
  e('{{range $a, 1 := list}}{{end}}', 'template: line:1: range can only initialize variables')
  e('{{if true}}{{else}}{{else}}{{end}}', 'template: line:1: expected end; found {{else}}')
  e('{{: 1}}', 'template: line:1: expected :=')
  e('{{1 = 2}}', 'template: line:1: unexpected "=" in operand')
  e('{{,}}', 'template: line:1: unexpected "," in command')
  e('{{.x é.y}}', 'template: line:1: function "é" not defined')
  e('{{end}', "template: line:1: bad character U+007D '}'")
  e('{{08}}', 'template: line:1: integer overflow: "08"')
})

test('parseTrees names the line of an error and the start of its action', async t => {
  const e = errorTable(t, renderAgent)

  e('a\nb\n{{nosuch}}', 'template: line:3: function "nosuch" not defined')
  e('{{ .a\n  "x', 'template: line:2: unterminated quoted string in action started at line:1')
  e('{{ .a\n', 'template: line:2: unclosed action started at line:1')
})

test('parseTrees reports why a known function is rejected', async t => {
  const e = errorTable(t, renderAgent)
  const environment = 'a template may not read the environment or the network'

  e('{{ env "HOME" }}', `template: line:1: function "env" is not supported: ${environment}`)
  e('{{ 1+2i }}', 'template: line:1: complex numbers are not supported: "1+2i"')
})
