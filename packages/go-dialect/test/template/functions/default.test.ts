import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Default functions choose the first value that is not empty', async t => {
  const f = agentTable(t)

  f(
    '{{default "d" ""}} {{default "d" "v"}} {{default "d" 0}} {{default "d"}} {{.none | default "d"}} {{default "d" (list)}} {{default "d" false}} {{now | default "d" | typeOf}}',
    'd v d d d d d time.Time',
  )
  f(
    '{{empty ""}} {{empty "a"}} {{empty 0.0}} {{empty (dict)}} {{empty nil}} {{empty now}} {{empty (add 0)}}',
    'true false true true true false true',
  )
  f(
    '{{coalesce "" 0 nil "x" "y"}} [{{coalesce "" 0}}] {{all 1 "a"}} {{all 1 ""}} {{all}} {{any 0 "a"}} {{any 0 ""}} {{any}} {{ternary "y" "n" true}} {{ternary "y" "n" false}} {{true | ternary 1 2}}',
    'x [<no value>] true false true true false false y n 1',
  )
})
