import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Text functions change, cut and search texts', async t => {
  const f = agentTable(t)

  f(
    '{{lower "ÀB"}} {{upper "straße éǆ"}} {{title "hello wORLD o\'neil a_b 3x"}}',
    "àb STRAßE ÉǄ Hello WORLD O'Neil A_b 3x",
  )
  f(
    '[{{trim " \\t a b\\n "}}] [{{trimAll "-=" "=-a-b-="}}] [{{trimPrefix "a" "aab"}}] [{{trimSuffix "b" "abb"}}]',
    '[a b] [a-b] [ab] [ab]',
  )
  f(
    '[{{trunc 2 "abc"}}] [{{trunc -2 "abc"}}] [{{trunc 5 "abc"}}] [{{trunc -5 "abc"}}] [{{trunc 0 "abc"}}]',
    '[ab] [bc] [abc] [abc] []',
  )
  f(
    '[{{substr 1 2 "abc"}}] [{{substr -1 2 "abc"}}] [{{substr 1 -1 "abc"}}] [{{substr 1 9 "abc"}}] [{{substr 0 0 "abc"}}]',
    '[b] [ab] [bc] [bc] []',
  )
  f(
    '{{contains "b" "abc"}} {{contains "" ""}} {{hasPrefix "a" "abc"}} {{hasSuffix "bc" "abc"}} {{hasSuffix "abcd" "abc"}}',
    'true true true true false',
  )
  f('{{indent 2 "a\\nb"}}|{{nindent 1 "a\\nb"}}|{{indent 0 "a"}}', '  a\n  b|\n a\n b|a')
  f(
    '{{replace "a" "bb" "banana"}} {{replace "" "-" "añ"}} {{replace "x" "y" "banana"}}',
    'bbbnbbnbb -a-ñ- banana',
  )
  f('[{{repeat 3 "ab"}}] [{{repeat 0 "ab"}}]', '[ababab] []')
  f(
    '{{ToLower "AB"}} {{ToUpper "ab"}} {{Replace "banana" "a" "o" 2}} {{Replace "banana" "a" "o" -1}} {{Replace "ab" "" "." 2}} {{Replace "ab" "a" "b" 0}}',
    'ab AB bonona bonono .a.b ab',
  )
  f(
    '[{{Trim "xxaxx" "x"}}] [{{TrimLeft "xyay" "xy"}}] [{{TrimRight "aéé" "é"}}] [{{TrimPrefix "aab" "a"}}] [{{TrimSuffix "abb" "b"}}] [{{TrimSpace "  a "}}]',
    '[a] [ay] [a] [ab] [ab] [a]',
  )
  f(
    '{{untitle "Hello WORLD"}} {{swapcase "Hello World ß"}} {{trimall "x" "xax"}}',
    'hello wORLD hELLO wORLD ß a',
  )
  f('{{initials "first  second third"}} {{nospace " a b\\tc "}}', 'fst abc')
  f(
    '{{abbrev 8 "hello world"}} {{abbrev 3 "hello"}} {{abbrev 20 "hello"}} {{abbrevboth 5 10 "hello world again"}} {{abbrevboth 20 10 "hello world again"}} {{abbrevboth 1 5 "hello world"}}',
    'hello... hello hello ... wor... ...d again hello world',
  )
  f(
    '{{wrap 5 "aaa bbb ccccccccc d" | quote}} {{wrapWith 4 "/" "aaa bbb ccccccccc d"}}',
    '"aaa\\nbbb\\nccccccccc\\nd" aaa/bbb/cccc/cccc/c d',
  )
  f(
    '{{quote "a\\"b" 1 nil true}} {{squote "a\'b" 1}} {{cat "a" 1 nil 2.5}} {{plural "one" "many" 1}} {{plural "one" "many" 2}} {{toString 1.50}}',
    '"a\\"b" "1" "true" \'a\'b\' \'1\' a 1 2.5 one many 1.5',
  )
  f('{{"abc" | trunc 2 | upper | printf "%s!"}}', 'AB!')
})
