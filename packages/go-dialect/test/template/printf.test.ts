import { test } from 'tap'
import { agentTable } from './render.ts'

test('printf knows the verbs and flags of Go', async t => {
  const f = agentTable(t)

  f('{{printf "%d|%5d|%-5d|%05d|%+d|% d" 42 42 42 42 42 42}}', '42|   42|42   |00042|+42| 42')
  f(
    '{{printf "%x|%X|%#x|%o|%#o|%O|%b|%#b" 255 255 255 8 8 8 5 5}}',
    'ff|FF|0xff|10|010|0o10|101|0b101',
  )
  f('{{printf "%c|%q|%U|%#U" 65 65 233 233}}', "A|'A'|U+00E9|U+00E9 'é'")
  f('{{printf "%.3d|%8.3d|%x|%d" 5 5 -255 -1}}', '005|     005|-ff|-1')
  f(
    '{{printf "%s|%6s|%-6s|%.2s|%6.2s|%q|%x|% x|%#x" "héy" "héy" "héy" "héy" "héy" "h\\"y" "hé" "hé" "hé"}}',
    'héy|   héy|héy   |hé|    hé|"h\\"y"|68c3a9|68 c3 a9|0x68c3a9',
  )
  f('{{printf "%#q|%+q" "a`b" "é"}}', '"a`b"|"\\u00e9"')
  f(
    '{{printf "%v|%e|%E|%f|%.0f|%.3f|%g|%G" 1234.5678 1234.5678 1234.5678 1234.5678 2.5 1234.5678 1e21 1e-9}}',
    '1234.5678|1.234568e+03|1.234568E+03|1234.567800|2|1234.568|1e+21|1E-09',
  )
  f(
    '{{printf "%8.2f|%-8.2f|%08.2f|%+.1f|% .1f|%+08.2f" 3.14159 3.14159 3.14159 2.0 2.0 3.14159}}',
    '    3.14|3.14    |00003.14|+2.0| 2.0|+0003.14',
  )
  f(
    '{{printf "%.3g|%.10g|%.1g|%.0g|%.3e|%.0e" 1234.5678 1234.5678 0.00012345 1234.5 1234.5678 1500.0}}',
    '1.23e+03|1234.5678|0.0001|1e+03|1.235e+03|2e+03',
  )
  f(
    '{{printf "%.20f|%.30g|%.2f" 0.1 0.1 1.005}}',
    '0.10000000000000000555|0.100000000000000005551115123126|1.00',
  )
  f(
    '{{printf "%f|%5.1f|%v|%v" (float64 "inf") (float64 "-inf") (float64 "nan") (float64 "-inf")}}',
    '+Inf| -Inf|NaN|-Inf',
  )
  f('{{printf "%x|%.2x|%X" 1.5 1.999 0.1}}', '0x1.8p+00|0x1.00p+01|0X1.999999999999AP-04')
  f('{{printf "%t|%v|%5t|%-6t|" true false true false}}', 'true|false| true|false |')
  f(
    '{{printf "%v|%d|%s|%q" (list 1 "a" nil) (list 1 2) (list "a" 1) (list "a" "b")}}',
    '[1 a <nil>]|[1 2]|[a %!s(int=1)]|["a" "b"]',
  )
  f(
    '{{printf "%v|%s|%#v" (dict "k" 1) (dict "k" "v") (dict "k" (list 1 "a" nil))}}',
    'map[k:1]|map[k:v]|map[string]interface {}{"k":[]interface {}{1, "a", interface {}(nil)}}',
  )
  f('{{printf "%T|%T|%T|%T|%T" 1 "a" 1.5 nil (list)}}', 'int|string|float64|<nil>|[]interface {}')
  f(
    '{{printf "%d|%s|%t|%z|%!" "a" 1 "x" 1}}',
    '%!d(string=a)|%!s(int=1)|%!t(string=x)|%!z(int=1)|%!!(MISSING)',
  )
  f(
    '{{printf "%d %d" 1}}|{{printf "%d" 1 2 "x"}}|{{printf "%"}}|{{printf "a%%b"}}',
    '1 %!d(MISSING)|1%!(EXTRA int=2, string=x)|%!(NOVERB)|a%b',
  )
  f('{{printf "%*d|%-*d|%.*f" 5 42 5 42 2 3.14159}}', '   42|42   |3.14')
  f('{{printf "%[2]d %[1]d|%[1]d %d|%[5]d|%[x]d" 1 2}}', '2 1|1 2|%!d(BADINDEX)|%!d(BADINDEX)')
  f('{{printf "%6.3v|%v|%v" 3.14159 1e6 100000.0}}', '  3.14|1e+06|100000')
  f('{{printf "%s" nil}}|{{printf "%v" nil}}|{{printf "%d" nil}}', '%!s(<nil>)|<nil>|%!d(<nil>)')
})
