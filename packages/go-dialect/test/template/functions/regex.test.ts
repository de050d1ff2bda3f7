// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Go's groups are written so.

import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Regular expressions find, split and replace', async t => {
  const f = agentTable(t)

  f(
    '{{regexReplaceAll "a(.)" "banana" "<${1}>"}} {{regexReplaceAll "a(.)" "banana" "$1x"}} {{regexReplaceAll "(?P<c>n)" "banana" "${c}${c}"}} {{regexReplaceAll "a" "banana" "$$"}}',
    'b<n><n>a ba bannanna b$n$n$',
  )
  f(
    '{{regexReplaceAll "" "ab" "-"}} {{regexReplaceAll "x*" "axb" "-"}} {{regexReplaceAllLiteral "a" "banana" "$1"}}',
    '-a-b- -a-b- b$1n$1n$1',
  )
  f(
    '{{regexMatch "^b.*a$" "banana"}} {{regexMatch "(" "banana"}} {{regexFind "an+" "bannana"}} [{{regexFind "x" "banana"}}]',
    'true false ann []',
  )
  f(
    '{{regexFindAll "a." "banana" -1}} {{regexFindAll "a." "banana" 1}} {{regexFindAll "a." "banana" 0}} {{regexFindAll "x" "banana" -1 | len}}',
    '[an an] [an] [] 0',
  )
  f(
    '{{regexSplit "a" "banana" -1 | join "|"}} {{regexSplit "a" "banana" 2 | join "|"}} {{regexSplit "" "abc" -1 | join "|"}} {{regexSplit "x" "" -1 | len}} {{regexSplit "a+" "aab" -1 | join "|"}}',
    'b|n|n| b|nana a|b|c 1 |b',
  )
  f(
    '{{mustRegexMatch "a" "b"}} {{mustRegexFind "b" "abc"}} {{mustRegexFindAll "b" "abc" -1}} {{mustRegexSplit "b" "abc" -1}} {{mustRegexReplaceAll "b" "abc" "x"}} {{mustRegexReplaceAllLiteral "b" "abc" "$0"}}',
    'false b [b] [a c] axc a$0c',
  )
  f('{{regexQuoteMeta "a.b*c[d]"}}', 'a\\.b\\*c\\[d\\]')
})
