import { test } from 'tap'
import { agentTable, errorTable, queryTable, renderAgent } from './render.ts'

test('Templates run actions, branches, loops and other templates', async t => {
  const f = agentTable(t, { name: 'ann' })

  f('{{.name}}', 'ann')
  f('a{{.name}}b{{.name}}', 'aannbann')
  f('{{ .name | printf "%s-%s" "x" }}', 'x-ann')
  f('{{$x := .name}}{{$x}}{{$x = "b"}}{{$x}}', 'annb')
  f('{{$x := "out"}}{{if true}}{{$x := "in"}}{{$x}}{{end}}{{$x}}', 'inout')
  f('{{$x := "out"}}{{if true}}{{$x = "in"}}{{end}}{{$x}}', 'in')
  f('{{$x := "a"}}{{$x := print $x "b"}}{{$x}}', 'ab')
  f('{{if .name}}yes{{else}}no{{end}}', 'yes')
  f('{{if .none}}a{{else if eq .name "ann"}}b{{else}}c{{end}}', 'b')
  f('{{if and .name (not .none)}}both{{end}}', 'both')
  f('{{with .name}}<{{.}}>{{else}}none{{end}}', '<ann>')
  f('{{with .none}}a{{else with .name}}<{{.}}>{{end}}', '<ann>')
  f('{{with $n := .name}}{{$n}}/{{$.name}}{{end}}', 'ann/ann')
  f('{{range $i, $e := list "a" "b"}}{{$i}}{{$e}}{{end}}', '0a1b')
  f('{{range list}}x{{else}}empty{{end}}', 'empty')
  f('{{range $k, $v := dict "b" 1 "a" 2}}{{$k}}={{$v}};{{end}}', 'a=2;b=1;')
  f(
    '{{range list 1 2 3 4}}{{if eq . 2}}{{continue}}{{end}}{{if eq . 4}}{{break}}{{end}}{{.}}{{end}}',
    '13',
  )
  f(
    '{{range $x := list 1 2}}{{range $y := list 3 4}}{{$x}}{{$y}},{{break}}{{end}}{{end}}',
    '13,23,',
  )
  f('{{$last := 0}}{{range $last = list 5 6}}{{end}}{{$last}}', '6')
  f('{{define "t"}}[{{.}}]{{end}}{{template "t" .name}}{{template "t" 1}}', '[ann][1]')
  f('{{template "t"}}{{define "t"}}{{.}}!{{end}}', '<no value>!')
  f('{{block "b" .name}}({{.}}){{end}}', '(ann)')
  f(
    '{{define "d"}}{{if gt . 0}}{{.}}{{template "d" (int (sub . 1))}}{{end}}{{end}}{{template "d" 3}}',
    '321',
  )
  f('a  {{- .name -}}  b', 'aannb')
  f('a  {{- /* gone */ -}}  b{{/* and this */}}!', 'ab!')
  f('{{- 3 -}}', '3')
  f('{{`raw "text"`}}{{"quo\\"ted\\x41\\u00e9"}}', 'raw "text"quo"tedAé')
  f("{{'a'}} {{'\\n'}} {{'é'}} {{'\\x41'}}", '97 10 233 65')
  f('{{1}} {{-1}} {{+1}} {{0x1F}} {{0b101}} {{0o17}} {{017}} {{1_000}}', '1 -1 1 31 5 15 15 1000')
  f('{{1.5}} {{1e3}} {{.5}} {{1.}} {{0x1p4}} {{1e+06}} {{2.50}}', '1.5 1000 0.5 1 16 1e+06 2.5')
  f('{{true}} {{false}}', 'true false')
  f('{{(print 1 2)}} {{(len "abc") | printf "%03d"}}', '1 2 003')
  f('{{print 1 2 "a" "b" 3 4.5 true}}', '1 2ab3 4.5 true')
  f('{{println "a" 1}}', 'a 1\n')
  f('{{len "héé"}} {{len (list 1 2)}} {{len (dict "a" 1)}}', '5 2 1')
  f(
    '{{index (list 1 2 3) 1}} {{index (dict "k" "v") "k"}} {{index "abc" 1}} {{index (list (list 1 2)) 0 1}}',
    '2 v 98 2',
  )
  f('{{and 1 0 2}} {{or 0 "" "x"}} {{not 0}} {{1 | and true}} {{0 | or false}}', '0 x true 1 0')
  f('{{and false (fail "not reached")}}{{or 1 (fail "not reached")}}', 'false1')
  f(
    '{{eq 1 1}} {{eq "a" "b" "a"}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt "b" "a"}} {{ge 1.5 2.5}}',
    'true true true true true true false',
  )
  f('{{eq (int64 1) 1}} {{lt (index "a" 0) 98}} {{eq true true}}', 'true true true')
  f('{{eq .none nil}} {{ne .name nil}}', 'true true')
  f('{{html "<a href=\'x\'>&\\"</a>"}}', '&lt;a href=&#39;x&#39;&gt;&amp;&#34;&lt;/a&gt;')
  f('{{js "it\'s <b>\\n\\\\"}}', "it\\'s \\u003Cb\\u003E\\u000A\\\\")
  f('{{urlquery "a b&c=d/é"}}', 'a+b%26c%3Dd%2F%C3%A9')
  f('{{(dict "a" (dict "b" "deep")).a.b}}', 'deep')
  f('{{$d := dict "a" (dict "b" "deep")}}{{$d.a.b}}', 'deep')
  f('{{.none}}', '<no value>')
  f('{{.none.deeper}}', '<no value>')
  f('{{printf "%v %v" .none (list nil)}}', '<nil> [<nil>]')
  f('{{"x" | print "y" | print "z"}}', 'zyx')
  f('{{ $a := 1 }}{{ $b := 2 }}{{ printf "%d%d" $b $a }}', '21')
  f('{{if true}}{{end}}|{{if ""}}a{{end}}|{{if 0.0}}a{{else}}b{{end}}', '||b')
  f('{{slice (list 1 2 3) 1}}', '[2 3]')
  f('{{with dict "name" "inner"}}{{.name}}{{end}}{{.name}}', 'innerann')
  f('{{"안녕"}}{{ .안녕 }}', '안녕<no value>')
  f('{{/* a comment\nover lines */}}x', 'x')
  f('{{ .name\n| upper }}', 'ANN')
})

test('Templates fail at the same node and with the same text as Go', async t => {
  const e = errorTable(t, renderAgent)

  e(
    '{{.name.x}}',
    'template: line:1:7: executing "line" at <.name.x>: can\'t evaluate field x in type interface {}',
  )
  e(
    '{{.name "x"}}',
    'template: line:1:2: executing "line" at <.name>: name is not a method but has arguments',
  )
  e(
    '{{"x" 1}}',
    'template: line:1:2: executing "line" at <"x">: can\'t give argument to non-function "x"',
  )
  e(
    '{{1 | .name}}',
    'template: line:1:6: executing "line" at <.name>: name is not a method but has arguments',
  )
  e(
    '{{(1) 2}}',
    'template: line:1:2: executing "line" at <(1) 2>: can\'t give argument to non-function 1',
  )
  e(
    '{{upper}}',
    'template: line:1:2: executing "line" at <upper>: wrong number of args for upper: want 1 got 0',
  )
  e(
    '{{upper "a" "b"}}',
    'template: line:1:2: executing "line" at <upper>: wrong number of args for upper: want 1 got 2',
  )
  e('{{upper 1}}', 'template: line:1:8: executing "line" at <1>: expected string; found 1')
  e(
    '{{upper .none}}',
    'template: line:1:8: executing "line" at <.none>: invalid value; expected string',
  )
  e(
    '{{upper (list)}}',
    'template: line:1:9: executing "line" at <list>: wrong type for value; expected string; got []interface {}',
  )
  e(
    '{{trunc "a" "b"}}',
    'template: line:1:8: executing "line" at <"a">: expected integer; found "a"',
  )
  e(
    '{{trunc 1.5 "b"}}',
    'template: line:1:8: executing "line" at <1.5>: expected integer; found 1.5',
  )
  e(
    '{{trunc (int64 1) "b"}}',
    'template: line:1:15: executing "line" at <1>: wrong type for value; expected int; got int64',
  )
  e(
    '{{ternary 1 2 "x"}}',
    'template: line:1:14: executing "line" at <"x">: expected bool; found "x"',
  )
  e(
    '{{unixEpoch 1}}',
    'template: line:1:12: executing "line" at <1>: can\'t handle 1 for arg of type time.Time',
  )
  e(
    '{{hasKey 1 "a"}}',
    'template: line:1:9: executing "line" at <1>: can\'t handle 1 for arg of type map[string]interface {}',
  )
  e(
    '{{hasKey (split "," "a") "_0"}}',
    'template: line:1:20: executing "line" at <"a">: wrong type for value; expected map[string]interface {}; got map[string]string',
  )
  e('{{upper nil}}', 'template: line:1:8: executing "line" at <nil>: cannot assign nil to string')
  e(
    '{{div 1 0}}',
    'template: line:1:2: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  )
  e(
    '{{len 1}}',
    'template: line:1:2: executing "line" at <len 1>: error calling len: len of type int',
  )
  e(
    '{{index 1 2}}',
    'template: line:1:2: executing "line" at <index 1 2>: error calling index: can\'t index item of type int',
  )
  e(
    '{{index (list 1) 5}}',
    'template: line:1:2: executing "line" at <index (list 1) 5>: error calling index: index out of range: 5',
  )
  e(
    '{{index (list 1) "a"}}',
    'template: line:1:2: executing "line" at <index (list 1) "a">: error calling index: cannot index slice/array with type string',
  )
  e(
    '{{index nil 1}}',
    'template: line:1:2: executing "line" at <index nil 1>: error calling index: index of untyped nil',
  )
  e(
    '{{range 1.5}}{{end}}',
    'template: line:1:8: executing "line" at <1.5>: range can\'t iterate over 1.5',
  )
  e(
    '{{range "ab"}}{{end}}',
    'template: line:1:8: executing "line" at <"ab">: range can\'t iterate over ab',
  )
  e(
    '{{template "none"}}',
    'template: line:1:11: executing "line" at <{{template "none"}}>: template "none" not defined',
  )
  e(
    '{{lt 1 "a"}}',
    'template: line:1:2: executing "line" at <lt 1 "a">: error calling lt: incompatible types for comparison',
  )
  e(
    '{{lt (list) 1}}',
    'template: line:1:2: executing "line" at <lt (list) 1>: error calling lt: invalid type for comparison',
  )
  e(
    '{{eq (list 1) (list 1)}}',
    'template: line:1:2: executing "line" at <eq (list 1) (list 1)>: error calling eq: non-comparable type [%!s(int=1)]: []interface {}',
  )
  e(
    '{{eq 1}}',
    'template: line:1:2: executing "line" at <eq 1>: error calling eq: missing argument for comparison',
  )
  e('{{$x = 1}}', 'template: line:1:7: executing "line" at <1>: undefined variable: $x')
  e('{{$x := $x}}', 'template: line:1:8: executing "line" at <$x>: undefined variable: $x')
  e(
    '{{call .name}}',
    'template: line:1:2: executing "line" at <call .name>: error calling call: non-function .name of type string',
  )
  e(
    '{{call}}',
    'template: line:1:2: executing "line" at <call>: wrong number of args for call: want at least 1 got 0',
  )
  e(
    '{{call nil}}',
    'template: line:1:2: executing "line" at <call nil>: error calling call: call of nil',
  )
  e(
    '{{now.Nope}}',
    'template: line:1:2: executing "line" at <now>: can\'t evaluate field Nope in type time.Time',
  )
  e(
    '{{now.Format}}',
    'template: line:1:2: executing "line" at <now>: wrong number of args for Format: want 1 got 0',
  )
  e('{{now.Format 1}}', 'template: line:1:13: executing "line" at <1>: expected string; found 1')
  e(
    '{{(list 1).x}}',
    'template: line:1:8: executing "line" at <1>: can\'t evaluate field x in type []interface {}',
  )
  e(
    '{{define "t"}}{{div 1 0}}{{end}}ab{{template "t"}}',
    'template: line:1:16: executing "t" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  )
  e(
    'é{{div 1 0}}',
    'template: line:1:4: executing "line" at <div 1 0>: error calling div: runtime error: integer divide by zero',
  )
  e(
    'a{{if true}} {{index "a" 3}}{{end}}',
    'template: line:1:15: executing "line" at <index "a" 3>: error calling index: index out of range: 3',
  )
  e(
    '{{fail "my reason"}}',
    'template: line:1:2: executing "line" at <fail "my reason">: error calling fail: my reason',
  )
  e(
    '{{index "abc" -1}}',
    'template: line:1:2: executing "line" at <index "abc" -1>: error calling index: index out of range: -1',
  )
  e(
    '{{substr 3 1 "abc"}}',
    'template: line:1:2: executing "line" at <substr 3 1 "abc">: error calling substr: runtime error: slice bounds out of range [3:1]',
  )
  e(
    '{{9223372036854775808}}',
    'template: line:1:2: executing "line" at <9223372036854775808>: 9223372036854775808 overflows int',
  )
  e(
    '{{trunc 9223372036854775808 "a"}}',
    'template: line:1:8: executing "line" at <9223372036854775808>: expected integer; found 9223372036854775808',
  )
  e(
    '{{(dict "a" nil).a.b}}',
    'template: line:1:12: executing "line" at <nil>: nil pointer evaluating interface {}.b',
  )
  e('{{nil | upper}}', 'template: line:1:2: executing "line" at <nil>: nil is not a command')
  e('{{nil}}', 'template: line:1:2: executing "line" at <nil>: nil is not a command')
})

test('Fields in queries are texts, and a missing one is empty', async t => {
  const f = queryTable(t, { name: 'ann', n: '7' })

  f('[{{.none}}] [{{.none | upper}}] {{len .none}}', '[] [] 0')
  f('{{.}} {{len .}} {{index . "none"}}', 'map[n:7 name:ann] 2 ')
  f('{{range $k, $v := .}}{{$k}}={{$v}} {{end}}', 'n=7 name=ann ')
  f('{{if .none}}a{{else}}b{{end}} {{printf "%T" .n}}', 'b string')
  f('{{$j := fromJson "{}"}}{{$j.none}}', '<no value>')
})

test('Fields in the agent have any type, and a missing one is no value', async t => {
  const f = agentTable(t, { name: 'ann' })

  f('[{{.none}}] {{printf "%v" .none}}', '[<no value>] <nil>')
  f('{{.}} {{toJson .}} {{hasKey . "name"}} {{keys .}}', 'map[name:ann] {"name":"ann"} true [name]')
})
