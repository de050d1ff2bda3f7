import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Number functions convert, calculate and round', async t => {
  const f = agentTable(t)

  f(
    '{{int "12"}} {{int "0x1f"}} {{int "017"}} {{int "0b11"}} {{int "1_000"}} {{int "1.0"}} {{int "1.5"}} {{int "x"}} {{int ""}} {{int " 1"}} {{int -3.9}} {{int true}} {{int nil}}',
    '12 31 15 3 1000 1 0 0 0 0 -3 1 0',
  )
  f(
    '{{int64 "9223372036854775807"}} {{int64 "9223372036854775808"}} {{int64 1e30}} {{printf "%T %T" (int 1) (int64 1)}}',
    '9223372036854775807 0 -9223372036854775808 int int64',
  )
  f(
    '{{float64 "1.5"}} {{float64 "1e3"}} {{float64 "x"}} {{float64 "0x1p-2"}} {{float64 "-inf"}} {{float64 7}} {{float64 "1e999"}} {{float64 false}}',
    '1.5 1000 0 0.25 -Inf 7 0 0',
  )
  f(
    '{{add}} {{add 1 2 3}} {{add "4" 1.9 true}} {{sub 1 "3"}} {{mul 2 3 "4"}} {{mul 2}} {{div -7 2}} {{mod -7 2}} {{mod 7 -4}}',
    '0 6 6 -2 24 2 -3 -1 3',
  )
  f(
    '{{add 9223372036854775807 1}} {{mul 4611686018427387904 2}} {{sub -9223372036854775808 1}} {{div -9223372036854775808 -1}}',
    '-9223372036854775808 -9223372036854775808 9223372036854775807 -9223372036854775808',
  )
  f(
    '{{addf 0.1 0.2}} {{addf}} {{addf "1e3" 1}} {{subf 1 0.9}} {{mulf 1.1 1.1}} {{divf 10 4}} {{divf 2 3}} {{divf 1 3e20}} {{mulf 1e300 1e300}}',
    '0.3 0 1001 0.1 1.21 2.5 0.6666666666666667 0 +Inf',
  )
  f(
    '{{max 1 "5" 3.9}} {{min 4 "2"}} {{max 3}} {{maxf 1 2.5 "2"}} {{minf 1.5 "1.25"}} {{biggest 1 2}}',
    '5 2 3 2.5 1.25 2',
  )
  f(
    '{{ceil 1.2}} {{ceil -1.2}} {{ceil -0.2}} {{floor 1.8}} {{floor -1.2}} {{floor "2.9"}}',
    '2 -1 -0 1 -2 2',
  )
  f(
    '{{round 2.345 2}} {{round 2.5 0}} {{round -2.5 0}} {{round 1234.5 -2}} {{round 2.4 0 0.4}} {{round "x" 1}} {{round 123.5555 3 0.6}}',
    '2.35 3 -3 1200 2 0 123.555',
  )
  f(
    '{{atoi "12"}} {{atoi "-3"}} {{atoi "+3"}} {{atoi "0x1"}} {{atoi "99999999999999999999"}} {{toDecimal "755"}} {{toDecimal 10}} {{toDecimal "8"}} {{add1 "2"}} {{add1f 1.5}}',
    '12 -3 3 0 9223372036854775807 493 8 0 3 2.5',
  )
  f(
    '{{until 3}} {{until -2}} {{untilStep 1 10 3}} {{untilStep 3 0 -1}} {{untilStep 0 3 -1}} {{untilStep 3 0 1}} {{untilStep 0 3 0}} {{until 0}}',
    '[0 1 2] [0 -1] [1 4 7] [3 2 1] [] [] [] []',
  )
  f(
    '{{seq 3}} {{seq -2}} {{seq 2 4}} {{seq 4 2}} {{seq 0 3 9}} {{seq 9 -3 0}} {{seq 9 3 0}} [{{seq}}] [{{seq 1 1 1 1}}]',
    '1 2 3 1 0 -1 -2 2 3 4 4 3 2 0 3 6 9 9 6 3 0  [] []',
  )
  f('{{printf "%T %T %T %T" (add 1) (addf 1) (len "a") (index "a" 0)}}', 'int64 float64 int uint8')
})
