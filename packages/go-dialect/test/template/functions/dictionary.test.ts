import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Dictionary functions create, merge and look up', async t => {
  const f = agentTable(t)

  f(
    '{{dict "b" 1 "a" 2 "c"}} {{get (dict "a" 1) "a"}} [{{get (dict "a" 1) "b"}}] {{hasKey (dict "a" nil) "a"}} {{hasKey (dict) "a"}} {{dict 1 2}}',
    'map[a:2 b:1 c:] 1 [] true false map[1:2]',
  )
  f(
    '{{set (dict "a" 1) "b" 2}} {{unset (dict "a" 1 "b" 2) "a"}} {{$d := dict}}{{$x := set $d "k" "v"}}{{$d.k}} {{pluck "a" (dict "a" 1) (dict "b" 2) (dict "a" 3)}}',
    'map[a:1 b:2] map[b:2] v [1 3]',
  )
  f(
    '{{keys (dict "b" 1 "a" 2) (dict "c" 3) | sortAlpha}} {{values (dict "a" 1)}} {{pick (dict "a" 1 "b" 2) "b" "z"}} {{omit (dict "a" 1 "b" 2) "b"}}',
    '[a b c] [1] map[b:2] map[a:1]',
  )
  f(
    '{{merge (dict "a" 1 "e" "") (dict "a" 9 "b" 2 "e" "full")}} {{merge (dict "n" (dict "x" 1)) (dict "n" (dict "x" 2 "y" 3))}} {{mergeOverwrite (dict "a" 1 "b" 1) (dict "a" 9 "b" "")}} {{mustMerge (dict) (dict "a" 1)}}',
    'map[a:1 b:2 e:full] map[n:map[x:1 y:3]] map[a:9 b:] map[a:1]',
  )
  f(
    '{{$d := dict "n" (dict "x" 1)}}{{$c := deepCopy $d}}{{$_ := set $d.n "x" 2}}{{$c.n.x}}{{$d.n.x}}',
    '12',
  )
  f(
    '{{dig "a" "b" "none" (dict "a" (dict "b" 1))}} {{dig "a" "z" "none" (dict "a" (dict "b" 1))}} {{dig "z" "none" (dict)}}',
    '1 none none',
  )
  f(
    '{{deepEqual (list 1 (dict "a" 2)) (list 1 (dict "a" 2))}} {{deepEqual 1 (int64 1)}} {{deepEqual (dict "a" 1) (dict "a" 2)}} {{deepEqual nil nil}} {{deepEqual (list) (splitList "" "")}}',
    'true false false true false',
  )
})
