import { test } from 'tap'
import { agentTable } from '../render.ts'

test('JSON functions read and write values', async t => {
  const f = agentTable(t)

  f(
    '{{fromJson "{\\"b\\":[1,2.5,null],\\"a\\":{\\"c\\":true}}"}} {{(fromJson "{\\"a\\":{\\"c\\":7}}").a.c}} {{fromJson "nope"}} {{fromJson "[1]" | len}} {{fromJson "\\"s\\""}}',
    'map[a:map[c:true] b:[1 2.5 <nil>]] 7 <no value> 1 s',
  )
  f(
    '{{list 1 "a<b" nil true 2.50 1e21 1e-7 (dict "z" 1 "a" (list)) | toJson}}',
    '[1,"a\\u003cb",null,true,2.5,1e+21,1e-7,{"a":[],"z":1}]',
  )
  f(
    '{{toRawJson "a<b>&\\u2028"}} {{toJson "a<b>&\\u2028\\t\\n"}} {{toJson 1.0}} {{toJson (add 1 2)}} {{mustToJson "x"}} {{mustToRawJson "x"}}',
    '"a<b>&\\u2028" "a\\u003cb\\u003e\\u0026\\u2028\\t\\n" 1 3 "x" "x"',
  )
  f(
    '{{dict "a" (list 1 2) "b" (dict) "c" (list) "d" (dict "e" nil) | toPrettyJson}}',
    '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {},\n  "c": [],\n  "d": {\n    "e": null\n  }\n}',
  )
  f(
    '{{toDate "2006-01-02T15:04:05Z07:00" "2024-03-05T10:20:30.5+02:00" | toJson}} {{mustFromJson "[1]"}} {{toJson nil}}',
    '"2024-03-05T10:20:30.5+02:00" [1] null',
  )
})
