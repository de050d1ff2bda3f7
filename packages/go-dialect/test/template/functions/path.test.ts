import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Path functions split and clean paths', async t => {
  const f = agentTable(t)

  f(
    '{{base "/a/b.txt"}} {{base "/a/b/"}} {{base ""}} {{base "/"}} {{base "//"}} {{base "a"}}',
    'b.txt b . / / a',
  )
  f(
    '{{dir "/a/b.txt"}} {{dir "/a/b/"}} {{dir ""}} {{dir "/"}} {{dir "a"}} {{dir "/a"}}',
    '/a /a/b . / . /',
  )
  f(
    '{{ext "/a.b/c"}} {{ext "a.tar.gz"}} [{{ext "a"}}] {{ext "a."}} {{isAbs "/a"}} {{isAbs "a"}}',
    ' .gz [] . true false',
  )
  f(
    '{{clean "/a/../b/./c//d/"}} {{clean "../a/../.."}} {{clean ""}} {{clean "/.."}} {{clean "a/.."}} {{osBase "/a/b"}} {{osDir "/a/b"}} {{osClean "a/./b"}} {{osExt "a.b"}} {{osIsAbs "/"}}',
    '/b/c/d ../.. . / . b /a a/b .b true',
  )
})
