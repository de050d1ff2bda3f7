import { test } from 'tap'
import { logqlFunctions } from '../../src/template/logql-functions.ts'
import { errorTable, queryTable, renderQuery } from './render.ts'

test('Queries have the functions of LogQL, and no others', async t => {
  const names =
    'ToLower ToUpper lower upper title Replace replace Trim TrimLeft TrimRight TrimPrefix TrimSuffix ' +
    'TrimSpace trim trimAll trimPrefix trimSuffix trunc substr contains hasPrefix hasSuffix indent ' +
    'nindent repeat alignLeft alignRight b64enc b64dec urlencode urldecode regexReplaceAll ' +
    'regexReplaceAllLiteral count default fromJson bytes duration duration_seconds int float64 add ' +
    'mul sub div mod addf subf mulf divf max min maxf minf ceil floor round now date toDate ' +
    'toDateInZone unixEpoch unixEpochMillis unixEpochNanos unixToTime __line__ __timestamp__'
  t.strictSame(Object.keys(logqlFunctions).sort(), names.split(' ').sort())
})

test('__line__ and __timestamp__ return those of the entry', async t => {
  const f = queryTable(t)

  f('{{__line__}} {{ __line__ | upper }} {{len __line__}}', 'the line THE LINE 8')
  f('{{ __timestamp__ }}', '2026-01-15 00:00:10.5 +0000 UTC')
  f('{{ __timestamp__ | date "15:04:05.000" }} {{__timestamp__.Year}}', '00:00:10.500 2026')
  f('{{ __timestamp__ | unixEpoch }}', '1768435210')
  f('{{ __timestamp__ | unixEpochMillis }}', '1768435210500')
  f('{{ __timestamp__ | unixEpochNanos }}', '1768435210500000000')
  f('{{ now | unixEpoch }} {{ now.Before __timestamp__ }}', '1768435200 true')
})

test('bytes and durations become floats', async t => {
  const f = queryTable(t)

  f('{{ bytes "7 kB" }} {{ bytes "1MiB" }} {{ bytes "12" }}', '7000 1.048576e+06 12')
  f(
    '{{ duration "90s" }} {{ duration "1h0m0.5s" }} {{ duration_seconds "-250ms" }}',
    '90 3600.5 -0.25',
  )
})

test('align pads and cuts by characters', async t => {
  const f = queryTable(t)

  f('[{{ alignLeft 4 "né" }}] [{{ alignLeft 1 "né" }}] [{{ alignLeft 2 "né" }}]', '[né  ] [n] [né]')
  f(
    '[{{ alignRight 4 "né" }}] [{{ alignRight 1 "né" }}] [{{ alignRight 0 "né" }}]',
    '[  né] [é] []',
  )
  f('[{{ alignLeft -1 "né" }}] [{{ alignRight -1 "né" }}]', '[né] [né]')
})

test('urlencode and urldecode use the rules for URL queries', async t => {
  const f = queryTable(t)

  f('{{ urlencode "a b/ü?~" }}', 'a+b%2F%C3%BC%3F~')
  f('{{ urldecode "a+b%2F%C3%BC%3F~" }}', 'a b/ü?~')
})

test('count counts matches', async t => {
  const f = queryTable(t)

  f('{{ count "o" "foo boo" }} {{ count "o+" "foo boo" }} {{ count "" "ab" }}', '4 2 3')
})

test('unixToTime takes the unit from the number of digits', async t => {
  const f = queryTable(t)

  f('{{ unixToTime "20000" }}', '2024-10-04 00:00:00 +0000 UTC')
  f('{{ unixToTime "1700000000" }}', '2023-11-14 22:13:20 +0000 UTC')
  f('{{ unixToTime "1700000000123" | unixEpochMillis }}', '1700000000123')
  f('{{ unixToTime "1700000000123456" | unixEpochNanos }}', '1700000000123456000')
  f('{{ unixToTime "1700000000123456789" | unixEpochNanos }}', '1700000000123456789')
})

test('toDateInZone parses in a zone, or in UTC if the zone does not exist', async t => {
  const f = queryTable(t)
  const layout = '"2006-01-02 15:04"'

  f(`{{ toDateInZone ${layout} "Asia/Tokyo" "2026-01-15 09:00" }}`, '2026-01-15 09:00:00 +0900 JST')
  f(`{{ toDateInZone ${layout} "Atlantis" "2026-01-15 09:00" }}`, '2026-01-15 09:00:00 +0000 UTC')
  f(`{{ toDateInZone ${layout} "UTC" "never" }}`, '0001-01-01 00:00:00 +0000 UTC')
})

test('Positions inside a character cut its bytes, and each prints as one replacement character', async t => {
  const f = queryTable(t)

  f('{{ trunc 2 "é€" }} {{ trunc 4 "é€" }} {{ substr 1 5 "é€" }}', 'é é\ufffd\ufffd \ufffd€')
  f('{{ trunc 1 "é" | b64enc }} {{ len (trunc 1 "é") }}', 'ww== 1')
  f('{{ $a := trunc 1 "é" }}{{ $b := trunc -1 "é" }}{{ len (print $a $b) }}', '2')
})

test("Query functions fail with Go's texts", async t => {
  const e = errorTable(t, renderQuery)
  const at = (call: string) => {
    const name = call.split(' ')[0]
    return `template: line:1:2: executing "line" at <${call}>: error calling ${name}:`
  }

  const fails = (call: string, why: string) => e(`{{${call}}}`, `${at(call)} ${why}`)
  fails('bytes "lots"', 'strconv.ParseFloat: parsing "": invalid syntax')
  fails('bytes "5 parsecs"', 'unhandled size name: parsecs')
  fails('duration "7"', 'time: missing unit in duration "7"')
  fails('count "[" "x"', 'error parsing regexp: missing closing ]: `[`')
  fails('regexReplaceAll "(" "x" "y"', 'error parsing regexp: missing closing ): `(`')
  fails('urldecode "%zz"', 'invalid URL escape "%zz"')
  fails('repeat -1 "x"', 'strings: negative Repeat count')
  fails('substr -1 -2 "x"', 'runtime error: slice bounds out of range [:-2]')
  fails('substr 2 1 "xyz"', 'runtime error: slice bounds out of range [2:1]')
  fails('mod 1 "0"', 'runtime error: integer divide by zero')
  fails('divf 1 0', 'decimal division by 0')
  fails(
    'unixToTime "soon"',
    `unable to parse time 'soon': strconv.ParseInt: parsing "soon": invalid syntax`,
  )
  fails('eq 1 "1"', 'incompatible types for comparison')
})
