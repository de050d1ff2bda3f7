import { test } from 'tap'
import { agentTable } from '../render.ts'

test('List functions create and split lists', async t => {
  const f = agentTable(t)

  f(
    '{{list 1 "a" nil}} {{tuple 1 2}} {{list}} {{push (list 1) 2}} {{append (list 1) (list 2)}} {{prepend (list 1) 0}} {{concat (list 1) (list 2 3)}} {{mustPush (list) 1}}',
    '[1 a <nil>] [1 2] [] [1 2] [1 [2]] [0 1] [1 2 3] [1]',
  )
  f(
    '{{first (list 1 2)}} {{last (list 1 2)}} {{rest (list 1 2 3)}} {{initial (list 1 2 3)}} {{reverse (list 1 2 3)}} {{first (list)}} {{rest (list)}}',
    '1 2 [2 3] [1 2] [3 2 1] <no value> []',
  )
  f(
    '{{uniq (list 1 1 "1" 2 1)}} {{without (list 1 2 3 2) 2 3}} {{has 2 (list 1 2)}} {{has "2" (list 1 2)}} {{has 1 nil}} {{compact (list 0 1 "" "a" nil false (list))}}',
    '[1 1 2] [1] true false false [1 a]',
  )
  f(
    '{{chunk 2 (list 1 2 3)}} {{chunk 3 (list 1 2 3)}} {{slice (list 1 2 3) 1 2}} {{slice (list 1 2 3) "1"}} {{join "-" (list 1 nil "a" 2.5)}} {{join "," "x"}} {{join "," nil}}',
    '[[1 2] [3]] [[1 2 3]] [2] [2 3] 1-a-2.5 x ',
  )
  f(
    '{{splitList "," "a,b,,c"}} {{splitList "" "añ"}} {{(split "," "a,b")._1}} {{(splitn "," 2 "a,b,c")._1}} {{(splitn "," 0 "a,b,c")}} {{split "x" "a"}} {{sortAlpha (list "b" "é" "a" 1)}} {{sortAlpha 3}} {{toStrings (list 1 nil 2.5)}}',
    '[a b  c] [a ñ] b b,c map[] map[_0:a] [1 a b é] [3] [1 2.5]',
  )
  f('{{printf "%T %T %T" (list 1) (splitList "," "a") (until 1)}}', '[]interface {} []string []int')
})
