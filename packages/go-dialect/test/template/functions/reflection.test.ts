import { test } from 'tap'
import { agentTable } from '../render.ts'

test("Types and kinds have Go's names", async t => {
  const f = agentTable(t)

  f(
    '{{typeOf 1}} {{typeOf "a"}} {{typeOf nil}} {{typeOf 1.5}} {{typeOf (dict)}} {{typeOf (add 1)}} {{typeOf true}} {{kindOf 1}} {{kindOf nil}} {{kindOf (list)}} {{kindOf (dict)}} {{kindOf now}} {{kindOf (semver "1.2.3")}} {{typeOf (semver "1.2.3")}}',
    'int string <nil> float64 map[string]interface {} int64 bool int invalid slice map struct ptr *semver.Version',
  )
  f(
    '{{typeIs "int" 1}} {{typeIs "string" 1}} {{typeIsLike "semver.Version" (semver "1.2.3")}} {{kindIs "map" (dict)}} {{kindOf (index "a" 0)}}',
    'true false true true uint8',
  )
})
